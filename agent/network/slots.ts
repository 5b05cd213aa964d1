import { createHash } from 'node:crypto'

/**
 * Gives each id a number below `count`, mostly the same whatever others there are: only ids that meet in one place are
 * moved on, in their order.
 */
export function slots(ids: readonly string[], count: number): Map<string, number> {
  if (ids.length > count) throw new Error(`${ids.length} do not fit into ${count} places`)
  const taken = new Set<number>()
  const chosen = new Map<string, number>()
  for (const id of ids.toSorted()) {
    let slot = createHash('sha256').update(id).digest().readUInt32BE(0) % count
    while (taken.has(slot)) slot = (slot + 1) % count
    taken.add(slot)
    chosen.set(id, slot)
  }
  return chosen
}
