import { isUuid, newId } from '../../kernel/index.ts'
import { type GlobalDb, isForeignKeyViolation, isUniqueViolation } from '../../platform/db/index.ts'
import { networkNotFound, portNotFound } from '../failures.ts'
import type { Listing, Page, Viewer } from '../listing.ts'
import { addPorts } from '../ports/add-ports.ts'
import type { SubnetAddress } from '../ports/addresses.store.ts'
import { insertPorts, type NewPort, PLAIN_PORT, type WantedAddress } from '../ports/insert.store.ts'
import { FLOATING_IP } from '../ports/owners.ts'
import type { PortVerbs } from '../ports/port-verbs.ts'
import type { Port } from '../ports/ports.store.ts'
import { anyAddressOf, certainAddress } from '../ports/wanted-addresses.ts'
import { checkQuota } from '../quotas/quotas.ts'
import { networksById } from '../servers/server-ports.store.ts'
import { alreadyAssociated, badFloatingIp, floatingIpNotFound, unreachable } from './floating-ip-failures.ts'
import {
  deleteFloatingIp,
  describeFloatingIp,
  type FloatingIp,
  insertFloatingIp,
  listFloatingIps,
  replaceTarget,
  routerBetween,
  showFloatingIp,
  touchFloatingIp,
} from './floating-ips.store.ts'

export interface FloatingIpChanges {
  readonly description?: string
  /** Null takes the address off its port. */
  readonly port_id?: string | null
  /** Which of the port's addresses; needed where it has several of IPv4. */
  readonly fixed_ip_address?: string | null
}

export interface WantedFloatingIp extends FloatingIpChanges {
  readonly floating_network_id: string
  readonly project_id: string
  readonly subnet_id?: string
  readonly floating_ip_address?: string
}

export interface FloatingIpVerbs {
  list(viewer: Viewer, listing: Listing): Promise<Page<FloatingIp>>
  /** @throws {Problem} not_found, also for one that the viewer may not see. */
  show(viewer: Viewer, id: string): Promise<FloatingIp>
  /** @throws {Problem} bad_request for a network that is not external, conflict when no address is left. */
  create(viewer: Viewer, wanted: WantedFloatingIp): Promise<FloatingIp>
  /** @throws {Problem} not_found where no router leads to the port, conflict when it has a floating address. */
  update(viewer: Viewer, id: string, changes: FloatingIpChanges): Promise<FloatingIp>
  remove(viewer: Viewer, id: string): Promise<void>
}

export function floatingIpVerbs(db: GlobalDb, ports: PortVerbs): FloatingIpVerbs {
  const { sql } = db

  async function show(viewer: Viewer, id: string): Promise<FloatingIp> {
    const found = isUuid(id) ? await showFloatingIp(sql, viewer, id) : undefined
    if (!found) throw floatingIpNotFound(id)
    return found
  }

  async function wantedAddress(viewer: Viewer, wanted: WantedFloatingIp): Promise<WantedAddress> {
    const { floating_network_id: id, subnet_id, floating_ip_address } = wanted
    const [network] = isUuid(id) ? await networksById(sql, [id]) : []
    const visible =
      network && (viewer.all || network.shared || network.external || network.project_id === viewer.project_id)
    if (!visible) throw networkNotFound(id)
    if (!network.external) throw badFloatingIp(`Network ${id} is not a valid external network`)
    const subnets = network.subnets.filter(
      (subnet) => !subnet.cidr.includes(':') && (subnet_id === undefined || subnet.id === subnet_id),
    )
    if (subnets.length === 0) throw badFloatingIp(`Network ${id} does not contain any IPv4 subnet`)
    return floating_ip_address === undefined ? anyAddressOf(subnets) : certainAddress(floating_ip_address, subnets)
  }

  async function associate(floatingIp: FloatingIp, port: Port, fixed_ip_address: string | null): Promise<void> {
    const address = fixedAddress(port, fixed_ip_address)
    try {
      await db.transaction(async (tx) => {
        const router_id = await routerBetween(tx, address.subnet_id, floatingIp.floating_network_id)
        if (!router_id) throw unreachable(floatingIp.floating_network_id, address.subnet_id, port.id)
        if (!(await touchFloatingIp(tx, floatingIp.id))) throw floatingIpNotFound(floatingIp.id)
        await replaceTarget(tx, floatingIp.id, { ...address, router_id })
      })
    } catch (error) {
      if (isUniqueViolation(error)) throw alreadyAssociated(floatingIp, port.id, address.ip_address)
      if (isForeignKeyViolation(error)) throw portNotFound(port.id)
      throw error
    }
  }

  async function change(viewer: Viewer, floatingIp: FloatingIp, changes: FloatingIpChanges): Promise<void> {
    const { description, port_id = changes.fixed_ip_address == null ? undefined : floatingIp.port?.id } = changes
    if (port_id) {
      await associate(floatingIp, await ports.show(viewer, port_id), changes.fixed_ip_address ?? null)
    } else if (changes.fixed_ip_address != null) {
      throw badFloatingIp('fixed_ip_address cannot be specified without a port_id')
    }
    if (description === undefined && port_id !== null) return
    await db.transaction(async (tx) => {
      if (!(await touchFloatingIp(tx, floatingIp.id))) throw floatingIpNotFound(floatingIp.id)
      if (description !== undefined) await describeFloatingIp(tx, floatingIp.id, description)
      if (port_id === null) await replaceTarget(tx, floatingIp.id, null)
    })
  }

  const remove = (floatingIp: FloatingIp): Promise<void> => db.transaction((tx) => deleteFloatingIp(tx, floatingIp))

  return {
    list: (viewer, listing) => listFloatingIps(sql, viewer, listing),
    show,
    async create(viewer, wanted) {
      const id = newId()
      const holder: NewPort = {
        ...PLAIN_PORT,
        id: newId(),
        network_id: wanted.floating_network_id,
        project_id: '',
        device_id: id,
        device_owner: FLOATING_IP,
        port_security_enabled: false,
        addresses: [await wantedAddress(viewer, wanted)],
      }
      const { project_id, description = '', floating_network_id, port_id, fixed_ip_address } = wanted
      await addPorts(sql, [holder], () =>
        db.transaction(async (tx) => {
          await checkQuota(tx, 'floatingip', [project_id])
          await insertPorts(tx, [holder])
          await insertFloatingIp(tx, { id, description, project_id, floating_network_id, holder_port_id: holder.id })
        }),
      )
      const made = await show({ ...viewer, all: true }, id)
      try {
        await change(viewer, made, { ...(port_id && { port_id }), ...(fixed_ip_address && { fixed_ip_address }) })
      } catch (error) {
        await remove(made)
        throw error
      }
      return show({ ...viewer, all: true }, id)
    },
    async update(viewer, id, changes) {
      await change(viewer, await show(viewer, id), changes)
      return show(viewer, id)
    },
    async remove(viewer, id) {
      await remove(await show(viewer, id))
    },
  }
}

/** The address of the port that is meant. @throws {Problem} bad_request when none can be, or several could. */
function fixedAddress(port: Port, wanted: string | null): SubnetAddress {
  const addresses = port.fixed_ips.filter((each) => !each.ip_address.includes(':'))
  if (wanted !== null) {
    const named = addresses.find((each) => each.ip_address === wanted)
    if (!named) throw badFloatingIp(`Port ${port.id} does not have fixed ip ${wanted}`)
    return named
  }
  const [only, other] = addresses
  if (!only) throw badFloatingIp(`Cannot add floating IP to port ${port.id} that has no fixed IPv4 addresses`)
  if (other) {
    throw badFloatingIp(
      `Port ${port.id} has multiple fixed IPv4 addresses.  Must provide a specific IPv4 address when assigning a ` +
        'floating IP',
    )
  }
  return only
}
