import { type Cells, cellsOf, placedServers } from '../../cells/index.ts'

/** Of the servers that exist, whether each is on a host. One query a cell, however many servers. */
export async function whetherPlaced(cells: Cells, ids: readonly string[]): Promise<ReadonlyMap<string, boolean>> {
  const mapped = await cellsOf(cells.global, ids)
  const byCell = Map.groupBy(mapped, ({ cell_id }) => cell_id)
  byCell.delete(null)
  const placed = await Promise.all(
    [...byCell].map(([cell, servers]) =>
      placedServers(
        cells.get(cell!),
        servers.map(({ server_id }) => server_id),
      ),
    ),
  )
  const on = new Set(placed.flat())
  return new Map(mapped.map(({ server_id }) => [server_id, on.has(server_id)]))
}
