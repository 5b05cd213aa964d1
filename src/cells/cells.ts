import { type Problem, unavailable } from '../kernel/index.ts'
import type { CellDb, Databases, GlobalDb } from '../platform/db/index.ts'
import type { Logger } from '../platform/log/index.ts'
import { gather } from './gather.ts'
import { createKnownRows } from './known-rows.ts'
import { listKnownServers, listServersOf, mergePages, type ServerPage, type ServerQuery } from './listing.ts'
import { locate } from './mappings.store.ts'
import type { Server } from './server.ts'
import { findServer } from './servers.store.ts'

/** The cell that keeps servers which found no host; it has no hosts. */
export const CELL0 = 'cell0'

/** A server and where it is; without a cell it is still an accepted request. */
export interface Located {
  readonly server: Server
  readonly cell: CellDb | null
}

/** The way from a server to the database that has it. */
export interface Cells {
  readonly global: GlobalDb
  /** All cells, cell0 first. */
  all(): readonly CellDb[]
  /** Cells that have hosts. */
  withHosts(): readonly CellDb[]
  /** @throws {Problem} unavailable for a cell that this process has no connection to. */
  get(cellId: string): CellDb
  find(serverId: string): Promise<Located | null>
  /** One page over every cell and the accepted requests. */
  list(query: ServerQuery): Promise<ServerPage>
  /** Asks every cell that has hosts; those that cannot be reached are named instead. */
  gather<T>(read: (cell: CellDb) => Promise<T[]>): Promise<{ found: T[]; unreachable: readonly string[] }>
}

/** Mappings remembered, newest kept: about 100 bytes each. A mapping never changes once it has a cell. */
const REMEMBERED_MAPPINGS = 20_000

export function createCells(databases: Databases, log: Logger): Cells {
  const { global } = databases
  const all = [...databases.cells.values()].sort((left, right) => Number(right.id === CELL0) - Number(left.id === CELL0))
  const cellOf = new Map<string, string>()
  const rowsOf = new Map(all.map((cell) => [cell, createKnownRows(cell)]))

  function get(cellId: string): CellDb {
    const cell = databases.cells.get(cellId)
    if (!cell) throw unavailable('The cell of this server cannot be reached.', `no database for ${cellId}`)
    return cell
  }

  function remember(serverId: string, cellId: string): void {
    cellOf.set(serverId, cellId)
    if (cellOf.size <= REMEMBERED_MAPPINGS) return
    const oldest = cellOf.keys().next().value
    if (oldest !== undefined) cellOf.delete(oldest)
  }

  async function findIn(cellId: string, serverId: string): Promise<Located | null> {
    const cell = get(cellId)
    const server = await findServer(cell, serverId)
    if (!server) cellOf.delete(serverId)
    return server && { server, cell }
  }

  async function find(serverId: string): Promise<Located | null> {
    const known = cellOf.get(serverId)
    if (known) return findIn(known, serverId)
    const location = await locate(global, serverId)
    if (!location) return null
    if ('accepted' in location) return { server: location.accepted, cell: null }
    remember(serverId, location.cell_id)
    return findIn(location.cell_id, serverId)
  }

  const withHosts = (): CellDb[] => all.filter((cell) => cell.id !== CELL0)
  const leftOut = (source: string, error: Problem): void =>
    log.warn({ source, err: error }, 'left out of an answer: cannot be reached')

  return {
    global,
    all: () => all,
    withHosts,
    get,
    find,

    async list(query) {
      // One after the other: a server on its way from the one to the other is then in both, and never in neither.
      const accepted = await gather(
        [{ name: 'accepted requests', read: () => listServersOf(global, 'accepted_servers', query) }],
        leftOut,
      )
      const placed = await gather(
        all.map((cell) => ({ name: cell.id, read: () => listKnownServers(cell, rowsOf.get(cell)!, query) })),
        leftOut,
      )
      return {
        servers: mergePages([...accepted.lists, ...placed.lists], query),
        unreachable: [...accepted.unreachable, ...placed.unreachable],
      }
    },

    async gather(read) {
      const sources = withHosts().map((cell) => ({ name: cell.id, read: () => read(cell) }))
      const { lists, unreachable } = await gather(sources, leftOut)
      return { found: lists.flat(), unreachable }
    },
  }
}
