import { isUuid, newId } from '../../kernel/index.ts'
import { type GlobalDb, isForeignKeyViolation } from '../../platform/db/index.ts'
import { networkNotFound, portNotFound, securityGroupNotFound, subnetNotFound } from '../failures.ts'
import type { Listing, Page, Viewer } from '../listing.ts'
import { ensureDefaultGroup } from '../security-groups/default-group.ts'
import { visibleGroups } from '../security-groups/security-groups.store.ts'
import { networksById, type PortNetwork } from '../servers/server-ports.store.ts'
import { addPorts } from './add-ports.ts'
import { changeAddresses } from './change-addresses.ts'
import type { NewPort, WantedAddress } from './insert.store.ts'
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
import { anyAddresses, anyAddressOf, certainAddress } from './wanted-addresses.ts'

/** An address as a request names it: by itself, by its subnet, or both. */
export interface FixedIp {
  readonly subnet_id?: string
  readonly ip_address?: string
}

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
    return {
      name: '',
      description: '',
      admin_state_up: true,
      device_id: '',
      device_owner: '',
      binding_host: '',
      mac_address: null,
      ...fields,
      id: newId(),
      status: 'DOWN',
      made_by_compute: false,
      request_index: null,
      security_group_ids: security_groups
        ? await checkGroups(viewer, security_groups)
        : [await ensureDefaultGroup(db, wanted.project_id)],
      addresses: fixed_ips ? wantedAddresses(on, fixed_ips) : anyAddresses(on.subnets),
    }
  }

  return {
    list: (viewer, listing, addresses) => listPorts(sql, viewer, listing, addresses),
    show,
    async create(viewer, wanted) {
      const ports = await Promise.all(wanted.map((each) => newPort(viewer, each)))
      await addPorts(sql, ports)
      return Promise.all(ports.map(({ id }) => show({ ...viewer, all: true }, id)))
    },
    async update(viewer, id, { fixed_ips, security_groups, ...fields }) {
      const port = await show(viewer, id)
      const addresses =
        fixed_ips && wantedAddresses(await network({ ...viewer, all: true }, port.network_id), fixed_ips)
      const groups = security_groups && (await checkGroups(viewer, security_groups))
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
      await show(viewer, id)
      await deletePort(sql, id)
    },
  }
}

/** @throws {Problem} for a subnet of another network, or an address that no subnet of this one has. */
function wantedAddresses(network: PortNetwork, fixedIps: readonly FixedIp[]): WantedAddress[] {
  return fixedIps.map(({ subnet_id, ip_address }) => {
    const subnets = subnet_id === undefined ? network.subnets : network.subnets.filter(({ id }) => id === subnet_id)
    if (subnet_id !== undefined && subnets.length === 0) throw subnetNotFound(subnet_id)
    if (ip_address === undefined) return anyAddressOf(subnets)
    return certainAddress(ip_address, subnets)
  })
}
