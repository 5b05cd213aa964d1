import type { HostRow } from '../contracts/index.ts'

/** The slots of the hosts by the names they go by: a host may have several nodes. */
export interface Names {
  add(slot: number, row: HostRow): void
  remove(slot: number, row: HostRow): void
  slotsOf(kind: 'host' | 'node' | 'place', names: readonly string[]): number[]
}

/** One name for a node of a host; neither has a blank. */
export const placeName = ({ host, node }: { readonly host: string; readonly node: string }): string => `${host} ${node}`

export function createNames(): Names {
  const index = {
    host: new Map<string, Set<number>>(),
    node: new Map<string, Set<number>>(),
    place: new Map<string, Set<number>>(),
  }
  const kinds = ['host', 'node', 'place'] as const
  const nameOf = { host: ({ host }: HostRow) => host, node: ({ node }: HostRow) => node, place: placeName }

  return {
    add(slot, row) {
      for (const kind of kinds) {
        const name = nameOf[kind](row)
        const slots = index[kind].get(name) ?? new Set()
        index[kind].set(name, slots.add(slot))
      }
    },
    remove(slot, row) {
      for (const kind of kinds) {
        const name = nameOf[kind](row)
        const slots = index[kind].get(name)
        slots?.delete(slot)
        if (slots?.size === 0) index[kind].delete(name)
      }
    },
    slotsOf: (kind, names) => names.flatMap((name) => [...(index[kind].get(name) ?? [])]),
  }
}
