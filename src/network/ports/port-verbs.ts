import { isUuid, newId } from '../../kernel/index.ts'
import { type GlobalDb, isForeignKeyViolation } from '../../platform/db/index.ts'
import { failure, networkNotFound, portNotFound, securityGroupNotFound } from '../failures.ts'
import type { Listing, Page, Viewer } from '../listing.ts'
import { ensureDefaultGroup } from '../security-groups/default-group.ts'
import { visibleGroups } from '../security-groups/security-groups.store.ts'
import { networksById, type PortNetwork } from '../servers/server-ports.store.ts'
import { checkQuota } from '../quotas/quotas.ts'
import { addPorts } from './add-ports.ts'
import { changeAddresses } from './change-addresses.ts'
import { insertPorts, type NewPort, PLAIN_PORT } from './insert.store.ts'
import { checkedPairs, checkPortSecurity } from './port-security.ts'
import { FLOATING_IP, ROUTER_GATEWAY, ROUTER_INTERFACE } from './owners.ts'
import {
  type AddressFilter,
  deletePort,
  listPorts,
  type Port,
  type PortFields,
  replacePortGroups,
  showPort,
  touchPort,
  updatePort,
} from './ports.store.ts'
import { anyAddresses, type FixedIp, wantedAddresses } from './wanted-addresses.ts'

export interface WantedPort extends Partial<PortFields> {
  readonly network_id: string
  readonly project_id: string
  readonly mac_address?: string
  /** Absent: any; empty: none. */
  readonly fixed_ips?: readonly FixedIp[]
  /** Ids. Absent: the project's default group. */
  readonly security_groups?: readonly string[]
}

export interface PortChanges extends Partial<PortFields> {
  readonly fixed_ips?: readonly FixedIp[]
  readonly security_groups?: readonly string[]
}

export interface PortVerbs {
  list(viewer: Viewer, listing: Listing, addresses: AddressFilter): Promise<Page<Port>>
  /** @throws {Problem} not_found, also for one that the viewer may not see. */
  show(viewer: Viewer, id: string): Promise<Port>
  /** All or none. @throws {Problem} conflict for an address or MAC in use, or when no address is left. */
  create(viewer: Viewer, wanted: readonly WantedPort[]): Promise<Port[]>
  update(viewer: Viewer, id: string, changes: PortChanges): Promise<Port>
  remove(viewer: Viewer, id: string): Promise<void>
}

export function portVerbs(db: GlobalDb): PortVerbs {
  const { sql } = db

  async function show(viewer: Viewer, id: string): Promise<Port> {
    const port = isUuid(id) ? await showPort(sql, viewer, id) : undefined
    if (!port) throw portNotFound(id)
    return port
  }

  async function network(viewer: Viewer, id: string): Promise<PortNetwork> {
    const [found] = isUuid(id) ? await networksById(sql, [id]) : []
    const visible = found && (viewer.all || found.shared || found.project_id === viewer.project_id)
    if (!visible) throw networkNotFound(id)
    return found
  }

  async function checkGroups(viewer: Viewer, ids: readonly string[]): Promise<string[]> {
    const found = await visibleGroups(sql, viewer, ids.filter(isUuid))
    const missing = ids.find((id) => !found.includes(id))
    if (missing !== undefined) throw securityGroupNotFound(missing)
    return [...new Set(ids)]
  }

  async function newPort(viewer: Viewer, wanted: WantedPort): Promise<NewPort> {
    const { fixed_ips, security_groups, ...fields } = wanted
    const on = await network(viewer, wanted.network_id)
    const { port_security_enabled = on.port_security_enabled } = fields
    const allowed_address_pairs = checkedPairs(fields.allowed_address_pairs ?? [])
    checkPortSecurity({ port_security_enabled, security_groups: security_groups ?? [], allowed_address_pairs })
    return {
      ...PLAIN_PORT,
      ...fields,
      id: newId(),
      port_security_enabled,
      allowed_address_pairs,
      security_group_ids: security_groups
        ? await checkGroups(viewer, security_groups)
        : port_security_enabled
          ? [await ensureDefaultGroup(db, wanted.project_id)]
          : [],
      addresses: fixed_ips ? wantedAddresses(on.subnets, fixed_ips) : anyAddresses(on.subnets),
    }
  }

  return {
    list: (viewer, listing, addresses) => listPorts(sql, viewer, listing, addresses),
    show,
    async create(viewer, wanted) {
      const ports = await Promise.all(wanted.map((each) => newPort(viewer, each)))
      await addPorts(sql, ports, () =>
        db.transaction(async (tx) => {
          await checkQuota(tx, 'port', wanted.map((each) => each.project_id))
          await insertPorts(tx, ports)
        }),
      )
      return Promise.all(ports.map(({ id }) => show({ ...viewer, all: true }, id)))
    },
    async update(viewer, id, { fixed_ips, security_groups, ...changes }) {
      const port = await show(viewer, id)
      if (changes.device_id !== undefined || changes.device_owner !== undefined) refuseServicePort(port)
      const fields = {
        ...changes,
        ...(changes.allowed_address_pairs && { allowed_address_pairs: checkedPairs(changes.allowed_address_pairs) }),
      }
      const addresses =
        fixed_ips && wantedAddresses((await network({ ...viewer, all: true }, port.network_id)).subnets, fixed_ips)
      const groups = security_groups && (await checkGroups(viewer, security_groups))
      checkPortSecurity({ ...port, ...fields, ...(groups && { security_groups: groups }) })
      try {
        await db.transaction(async (tx) => {
          if (Object.keys(fields).length > 0) await updatePort(tx, id, fields)
          if (addresses) await changeAddresses(tx, port, addresses)
          if (groups) await replacePortGroups(tx, id, groups)
          await touchPort(tx, id)
        })
      } catch (error) {
        if (isForeignKeyViolation(error)) throw portNotFound(id)
        throw error
      }
      return show(viewer, id)
    },
    async remove(viewer, id) {
      refuseServicePort(await show(viewer, id))
      await deletePort(sql, id)
    },
  }
}

const SERVICE_OWNERS = [ROUTER_INTERFACE, ROUTER_GATEWAY, FLOATING_IP]

/** What routers and floating addresses stand on is theirs. @throws {Problem} conflict */
function refuseServicePort({ id, device_owner }: Port): void {
  if (!SERVICE_OWNERS.includes(device_owner)) return
  throw failure(
    'conflict',
    'ServicePortInUse',
    `Port ${id} cannot be deleted directly via the port API: has device owner ${device_owner}.`,
  )
}
