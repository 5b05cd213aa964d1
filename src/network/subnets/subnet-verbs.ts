import { isUuid, newId } from '../../kernel/index.ts'
import { type GlobalDb, type GlobalTx, isForeignKeyViolation } from '../../platform/db/index.ts'
import { formatAddress, overlap, parseCidr, type Pool } from '../addresses.ts'
import { invalidInput, networkNotFound, subnetInUse, subnetNotFound } from '../failures.ts'
import type { Listing, Page, Viewer } from '../listing.ts'
import { checkQuota } from '../quotas/quotas.ts'
import { checkedCidr, checkedGateway, checkedPools, checkHints } from './checks.ts'
import {
  deleteSubnet,
  type HostRoute,
  insertSubnet,
  listSubnets,
  lockedCidrs,
  showSubnet,
  type Subnet,
  type SubnetFields,
  updateSubnet,
} from './subnets.store.ts'

export interface WantedSubnet {
  readonly network_id: string
  readonly project_id: string
  readonly cidr: string
  readonly ip_version: 4 | 6
  readonly name?: string
  readonly description?: string
  /** Absent: the first usable address; null: none. */
  readonly gateway_ip?: string | null
  readonly enable_dhcp?: boolean
  readonly dns_nameservers?: readonly string[]
  readonly host_routes?: readonly HostRoute[]
  /** Absent: all but the gateway. */
  readonly allocation_pools?: readonly Pool[]
}

export interface SubnetVerbs {
  list(viewer: Viewer, listing: Listing): Promise<Page<Subnet>>
  /** @throws {Problem} not_found, also for one that the viewer may not see. */
  show(viewer: Viewer, id: string): Promise<Subnet>
  /** All or none. @throws {Problem} bad_request for addresses that make no sense, or overlap with another subnet. */
  create(viewer: Viewer, wanted: readonly WantedSubnet[]): Promise<Subnet[]>
  update(viewer: Viewer, id: string, changes: Partial<SubnetFields>): Promise<Subnet>
  /** @throws {Problem} conflict while a port has an address of it. */
  remove(viewer: Viewer, id: string): Promise<void>
}

export function subnetVerbs(db: GlobalDb): SubnetVerbs {
  const { sql } = db

  async function show(viewer: Viewer, id: string): Promise<Subnet> {
    const subnet = isUuid(id) ? await showSubnet(sql, viewer, id) : undefined
    if (!subnet) throw subnetNotFound(id)
    return subnet
  }

  return {
    list: (viewer, listing) => listSubnets(sql, viewer, listing),
    show,
    async create(viewer, wanted) {
      const ids = await db.transaction(async (tx) => {
        await checkQuota(tx, 'subnet', wanted.map((each) => each.project_id))
        const made: string[] = []
        for (const each of wanted) made.push(await create(tx, each))
        return made
      })
      return Promise.all(ids.map((id) => show({ ...viewer, all: true }, id)))
    },
    async update(viewer, id, changes) {
      const subnet = await show(viewer, id)
      if (Object.keys(changes).length > 0) await updateSubnet(sql, id, checkedChanges(subnet, changes))
      return show(viewer, id)
    },
    async remove(viewer, id) {
      await show(viewer, id)
      try {
        await deleteSubnet(sql, id)
      } catch (error) {
        if (isForeignKeyViolation(error)) throw subnetInUse(id)
        throw error
      }
    },
  }
}

async function create(tx: GlobalTx, wanted: WantedSubnet): Promise<string> {
  const cidr = checkedCidr(wanted.cidr, wanted.ip_version)
  const gateway = checkedGateway(cidr, wanted.gateway_ip)
  const allocation_pools = checkedPools(cidr, gateway, wanted.allocation_pools)
  checkHints(wanted)
  const others = await lockedCidrs(tx, wanted.network_id)
  const other = others.map(parseCidr).find((each) => each && overlap(each, cidr))
  if (other) {
    throw invalidInput(
      `Requested subnet with cidr: ${wanted.cidr} for network: ${wanted.network_id} overlaps with another subnet`,
    )
  }
  const { name = '', description = '', enable_dhcp = true, dns_nameservers = [], host_routes = [] } = wanted
  const id = newId()
  try {
    await insertSubnet(tx, {
      id,
      network_id: wanted.network_id,
      project_id: wanted.project_id,
      cidr: wanted.cidr,
      gateway_ip: gateway ? formatAddress(gateway) : null,
      name,
      description,
      enable_dhcp,
      dns_nameservers,
      host_routes,
      allocation_pools,
    })
  } catch (error) {
    if (isForeignKeyViolation(error)) throw networkNotFound(wanted.network_id)
    throw error
  }
  return id
}

function checkedChanges(subnet: Subnet, changes: Partial<SubnetFields>): Partial<SubnetFields> {
  checkHints(changes)
  const cidr = parseCidr(subnet.cidr)
  if (!cidr || (changes.gateway_ip === undefined && changes.allocation_pools === undefined)) return changes
  const wanted = changes.gateway_ip === undefined ? subnet.gateway_ip : changes.gateway_ip
  const gateway = checkedGateway(cidr, wanted)
  const allocation_pools = checkedPools(cidr, gateway, changes.allocation_pools ?? subnet.allocation_pools)
  return { ...changes, gateway_ip: gateway ? formatAddress(gateway) : null, allocation_pools }
}
