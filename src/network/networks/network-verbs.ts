import { isUuid, newId } from '../../kernel/index.ts'
import { type GlobalDb, isForeignKeyViolation } from '../../platform/db/index.ts'
import { networkInUse, networkNotFound } from '../failures.ts'
import type { Listing, Page, Viewer } from '../listing.ts'
import { checkQuota } from '../quotas/quotas.ts'
import {
  deleteNetwork,
  insertNetworks,
  listNetworks,
  type Network,
  type NetworkFields,
  showNetwork,
  updateNetwork,
} from './networks.store.ts'

export interface NetworkVerbs {
  list(viewer: Viewer, listing: Listing): Promise<Page<Network>>
  /** @throws {Problem} not_found, also for one that the viewer may not see. */
  show(viewer: Viewer, id: string): Promise<Network>
  /** All or none. @throws {Problem} over_quota */
  create(viewer: Viewer, wanted: readonly WantedNetwork[]): Promise<Network[]>
  update(viewer: Viewer, id: string, changes: Partial<NetworkFields>): Promise<Network>
  /** Its subnets go with it. @throws {Problem} conflict while it has ports. */
  remove(viewer: Viewer, id: string): Promise<void>
}

export type WantedNetwork = Partial<NetworkFields> & { readonly project_id: string }

const DEFAULTS: NetworkFields = {
  name: '',
  description: '',
  admin_state_up: true,
  shared: false,
  external: false,
  mtu: 1500,
  port_security_enabled: true,
}

export function networkVerbs(db: GlobalDb): NetworkVerbs {
  const { sql } = db

  async function show(viewer: Viewer, id: string): Promise<Network> {
    const network = isUuid(id) ? await showNetwork(sql, viewer, id) : undefined
    if (!network) throw networkNotFound(id)
    return network
  }

  return {
    list: (viewer, listing) => listNetworks(sql, viewer, listing),
    show,
    async create(viewer, wanted) {
      const networks = wanted.map((each) => ({ ...DEFAULTS, ...each, id: newId() }))
      await db.transaction(async (tx) => {
        await checkQuota(tx, 'network', wanted.map((each) => each.project_id))
        await insertNetworks(tx, networks)
      })
      return Promise.all(networks.map(({ id }) => show({ ...viewer, all: true }, id)))
    },
    async update(viewer, id, changes) {
      await show(viewer, id)
      if (Object.keys(changes).length > 0) await updateNetwork(sql, id, changes)
      return show(viewer, id)
    },
    async remove(viewer, id) {
      await show(viewer, id)
      try {
        await deleteNetwork(sql, id)
      } catch (error) {
        if (isForeignKeyViolation(error)) throw networkInUse(id)
        throw error
      }
    },
  }
}
