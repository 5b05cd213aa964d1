import type { HostRow } from '../contracts/index.ts'

/** The slots of the hosts by the names they go by: a host may have several nodes. */
export interface Names {
  add(slot: number, row: HostRow): void
  remove(slot: number, row: HostRow): void
  slotsOf(kind: 'host' | 'node', names: readonly string[]): number[]
}

export function createNames(): Names {
  const index = { host: new Map<string, Set<number>>(), node: new Map<string, Set<number>>() }
  const kinds = ['host', 'node'] as const

  return {
    add(slot, row) {
      for (const kind of kinds) {
        const slots = index[kind].get(row[kind]) ?? new Set()
        index[kind].set(row[kind], slots.add(slot))
      }
    },
    remove(slot, row) {
      for (const kind of kinds) {
        const slots = index[kind].get(row[kind])
        slots?.delete(slot)
        if (slots?.size === 0) index[kind].delete(row[kind])
      }
    },
    slotsOf: (kind, names) => names.flatMap((name) => [...(index[kind].get(name) ?? [])]),
  }
}
