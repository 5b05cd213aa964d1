import { type Cells, listServices, removeHost, removeService, type Service } from '../../cells/index.ts'
import { badRequest, conflict, notFound } from '../../kernel/index.ts'
import type { CellDb, GlobalDb } from '../../platform/db/index.ts'
import type { HostNews } from '../ports.ts'
import { forgetHost, hasServers } from './hosts.store.ts'

/**
 * Removes a service that will not come back, a compute service with its host: one that still runs appears again by its
 * next report.
 * @param id its UUID, or as before 2.53 its number
 * @throws {Problem} not_found; conflict while the host has servers; bad_request for a number that several have
 */
export function serviceRemover({ cells, news }: { readonly cells: Cells; readonly news: HostNews }) {
  async function find(id: string): Promise<{ service: Service; cell: CellDb | null }> {
    const places: (GlobalDb | CellDb)[] = [cells.global, ...cells.withHosts()]
    const lists = await Promise.all(
      places.map(async (db) => {
        const found = (await listServices(db)).filter((service) => service.uuid === id || String(service.id) === id)
        return found.map((service) => ({ service, cell: db.scope === 'cell' ? (db as CellDb) : null }))
      }),
    )
    const [first, ...others] = lists.flat()
    if (!first) throw notFound(`Service ${id} could not be found.`)
    if (others.length > 0) throw badRequest(`Service id ${id} refers to multiple services.`)
    return first
  }

  return async function remove(id: string): Promise<void> {
    const { service, cell } = await find(id)
    const { host, uuid } = service
    if (cell === null) return removeService(cells.global.sql, uuid)
    const removed = await cell.transaction(async (tx) => {
      if (service.binary_name !== 'nova-compute') {
        await removeService(tx, uuid)
        return []
      }
      // The hosts' rows are locked by now: nothing can be placed there while we look.
      const ids = await removeHost(tx, host, () => hasServers(tx, host))
      if (ids === null) {
        throw conflict(
          'Unable to delete compute service that is hosting instances. Migrate or delete the instances first.',
        )
      }
      await removeService(tx, uuid)
      return ids
    })
    await cells.global.transaction((tx) => forgetHost(tx, host))
    news.hostsChanged(cell.id, removed)
  }
}
