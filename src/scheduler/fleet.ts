import { assert } from '../kernel/index.ts'
import { AT_LEAST, type Core, HAS, HAS_NOT, openCore, UNBOUNDED } from './core.ts'
import type { Condition } from './filters/filter.ts'
import {
  type Demand,
  type Fact,
  factsOf,
  type Host,
  type HostRow,
  isUp,
  QUANTITIES,
  type Quantity,
  quantitiesOf,
} from './host.ts'
import type { Outcome, Pass, Snapshot } from './snapshot.ts'

export interface Fleet extends Snapshot {
  /** Takes a host's row as it is now; a host not known yet gets the lowest free slot. */
  put(cellId: string, row: HostRow, now: number): void
  remove(cellId: string, hostId: number): void
  /** Counts this much as taken from a host beside what its row says; `NOTHING` takes it back. */
  take(slot: number, taken: Demand): void
  slotOf(cellId: string, hostId: number): number | undefined
  /** Ids of the hosts of a cell. */
  hostIds(cellId: string): number[]
  /** Looks at every heartbeat: services change to down by the passing of time alone. */
  sweep(now: number): void
  /** Size of the WASM memory in use. */
  readonly bytes: number
}

export const NOTHING: Demand = { vcpus: 0, memory_mb: 0, disk_gb: 0 }

/** Bitmaps with a fixed place; those of facts follow. */
const PRESENT = 0
/** No host at all: stands for a fact that is true of none. */
const EMPTY = 1
/** Scratch for the hosts a request names, one bitmap for each such condition. */
const NAMED = 2
const MAX_NAMED = 4
const FIRST_FACT = NAMED + MAX_NAMED

const COLUMN_OF = new Map<Quantity, number>(QUANTITIES.map((quantity, index) => [quantity, index]))
const columnOf = (quantity: Quantity): number => COLUMN_OF.get(quantity) as number

interface Entry extends Host {
  row: HostRow
  taken: Demand
  facts: readonly Fact[]
}

/** A fact that is true of `hosts` hosts, and the bitmap that says of which. */
interface FactBitmap {
  readonly bits: Uint32Array
  readonly index: number
  hosts: number
}

/** Hosts as columns and bitmaps in the memory of the WASM core. Grows as hosts and facts come; slots are reused. */
export function createFleet(options: { service_down_time: number }): Fleet {
  let core: Core = openCore({ hosts: 128, columns: QUANTITIES.length, bitmaps: 16 })
  let columns: Int32Array[]
  let present: Uint32Array
  let named: Uint32Array[]
  let freeBitmaps: number[]
  let facts: Map<Fact, FactBitmap>
  const entries: (Entry | undefined)[] = []
  const slots = new Map<string, Map<number, number>>()
  const byHost = new Map<string, Set<number>>()
  const byNode = new Map<string, Set<number>>()
  let size = 0
  /** No slot below this one is free. */
  let lowestFree = 0
  adopt(core)

  function adopt(next: Core): void {
    core = next
    columns = QUANTITIES.map((_, index) => core.column(index))
    present = core.bitmap(PRESENT)
    named = Array.from({ length: MAX_NAMED }, (_, index) => core.bitmap(NAMED + index))
    freeBitmaps = Array.from({ length: core.bitmaps - FIRST_FACT }, (_, index) => core.bitmaps - 1 - index)
    facts = new Map()
  }

  /** Moves to a larger memory. Rare: each time twice as many hosts, or facts, fit. */
  function grow(hosts: number, bitmaps: number): void {
    adopt(openCore({ hosts, columns: core.columns, bitmaps }))
    for (const entry of entries) {
      if (!entry) continue
      const known = entry.facts
      entry.facts = []
      setBit(present, entry.slot)
      writeQuantities(entry)
      writeFacts(entry, known)
    }
  }

  function writeQuantities({ slot, row, taken }: Entry): void {
    const values = quantitiesOf(row, taken)
    for (let index = 0; index < columns.length; index++) (columns[index] as Int32Array)[slot] = values[index] as number
  }

  function writeFacts(entry: Entry, next: readonly Fact[]): void {
    for (const fact of entry.facts) if (!next.includes(fact)) forget(fact, entry.slot)
    const added = next.filter((fact) => !entry.facts.includes(fact))
    entry.facts = next
    for (const fact of added) {
      if (!facts.has(fact) && freeBitmaps.length === 0) return grow(core.hosts, core.bitmaps * 2)
      note(fact, entry.slot)
    }
  }

  function note(fact: Fact, slot: number): void {
    let bitmap = facts.get(fact)
    if (!bitmap) {
      const index = freeBitmaps.pop()
      assert(index !== undefined, 'a bitmap is free')
      bitmap = { index, bits: core.bitmap(index), hosts: 0 }
      facts.set(fact, bitmap)
    }
    bitmap.hosts++
    setBit(bitmap.bits, slot)
  }

  function forget(fact: Fact, slot: number): void {
    const bitmap = facts.get(fact)
    assert(bitmap, 'a known fact has a bitmap')
    clearBit(bitmap.bits, slot)
    bitmap.hosts--
    if (bitmap.hosts > 0) return
    facts.delete(fact)
    freeBitmaps.push(bitmap.index)
  }

  function put(cellId: string, row: HostRow, now: number): void {
    const known = entries[slotOf(cellId, row.id) ?? -1]
    const entry = known ?? admit(cellId, row)
    if (known && (known.row.host !== row.host || known.row.node !== row.node)) {
      unname(known)
      name(entry.slot, row)
    }
    entry.row = row
    writeQuantities(entry)
    writeFacts(entry, factsOf(row, now, options.service_down_time))
  }

  function admit(cellId: string, row: HostRow): Entry {
    while (entries[lowestFree]) lowestFree++
    const slot = lowestFree
    if (slot === core.hosts) grow(core.hosts * 2, core.bitmaps)
    const entry: Entry = { slot, cell_id: cellId, row, taken: NOTHING, facts: [] }
    entries[slot] = entry
    size++
    const ofCell = slots.get(cellId) ?? new Map<number, number>()
    slots.set(cellId, ofCell.set(row.id, slot))
    setBit(present, slot)
    name(slot, row)
    return entry
  }

  function name(slot: number, row: HostRow): void {
    byHost.set(row.host, (byHost.get(row.host) ?? new Set()).add(slot))
    byNode.set(row.node, (byNode.get(row.node) ?? new Set()).add(slot))
  }

  function unname({ slot, row }: Entry): void {
    for (const [index, key] of [[byHost, row.host], [byNode, row.node]] as const) {
      const of = index.get(key)
      of?.delete(slot)
      if (of?.size === 0) index.delete(key)
    }
  }

  function remove(cellId: string, hostId: number): void {
    const ofCell = slots.get(cellId)
    const entry = entries[ofCell?.get(hostId) ?? -1]
    if (!ofCell || !entry) return
    writeFacts(entry, [])
    clearBit(present, entry.slot)
    unname(entry)
    entries[entry.slot] = undefined
    lowestFree = Math.min(lowestFree, entry.slot)
    size--
    ofCell.delete(hostId)
    if (ofCell.size === 0) slots.delete(cellId)
  }

  function slotOf(cellId: string, hostId: number): number | undefined {
    return slots.get(cellId)?.get(hostId)
  }

  function entryAt(slot: number): Entry {
    const entry = entries[slot]
    assert(entry, `slot ${slot} has a host`)
    return entry
  }

  function sweep(now: number): void {
    for (const entry of entries) {
      if (!entry || isUp(entry.row, now, options.service_down_time) === entry.facts.includes('up')) continue
      writeFacts(entry, factsOf(entry.row, now, options.service_down_time))
    }
  }

  /** Writes a condition into the core; returns the slots it had to mark by name. */
  function write(at: number, condition: Condition, scratch: number): readonly number[] | null {
    switch (condition.kind) {
      case 'has':
        core.setCondition(at, HAS, facts.get(condition.fact)?.index ?? EMPTY, 0)
        return null
      case 'at_least':
        core.setCondition(at, AT_LEAST, columnOf(condition.quantity), condition.amount)
        return null
      default: {
        assert(scratch < MAX_NAMED, `at most ${MAX_NAMED} conditions name hosts`)
        const [index, names] =
          condition.kind === 'node_in' ? [byNode, condition.nodes] : [byHost, condition.hosts]
        const marked = names.flatMap((each) => [...(index.get(each) ?? [])])
        for (const slot of marked) setBit(named[scratch] as Uint32Array, slot)
        core.setCondition(at, condition.kind === 'host_not_in' ? HAS_NOT : HAS, NAMED + scratch, 0)
        return marked
      }
    }
  }

  function scan({ conditions, weighings, count }: Pass): Outcome {
    const marks: (readonly number[])[] = []
    for (const [at, condition] of conditions.entries()) {
      const marked = write(at, condition, marks.length)
      if (marked) marks.push(marked)
    }
    for (const [at, { quantity, floor, multiplier }] of weighings.entries()) {
      core.setWeigher(at, columnOf(quantity), floor ?? UNBOUNDED, multiplier)
    }
    const left = core.scan(conditions.length, weighings.length, count)
    for (const [scratch, marked] of marks.entries()) {
      for (const slot of marked) clearBit(named[scratch] as Uint32Array, slot)
    }
    return {
      left,
      rejected: conditions.map(({ kind }, at) => {
        const hosts = core.rejected(at)
        return { hosts, best: hosts > 0 && kind === 'at_least' ? Math.max(core.nearest(at), 0) : 0 }
      }),
      // A single host is not weighed.
      ranges: weighings.map((_, at) => (left > 1 ? { low: core.low(at), high: core.high(at) } : { low: 0, high: 0 })),
      ranked: Array.from({ length: Math.min(left, count) }, (_, place) => ({
        slot: core.rankedSlot(place),
        weight: core.rankedWeight(place),
      })),
    }
  }

  return {
    get size() {
      return size
    },
    get cells() {
      return slots.size
    },
    get bytes() {
      return core.bytes
    },
    put,
    remove,
    take(slot, taken) {
      const entry = entryAt(slot)
      entry.taken = taken
      writeQuantities(entry)
    },
    slotOf,
    hostIds: (cellId) => [...(slots.get(cellId)?.keys() ?? [])],
    host: entryAt,
    quantity: (slot, quantity) => (columns[columnOf(quantity)] as Int32Array)[slot] as number,
    sweep,
    scan,
  }
}

function setBit(bits: Uint32Array, slot: number): void {
  bits[slot >>> 5] = (bits[slot >>> 5] as number) | (1 << (slot & 31))
}

function clearBit(bits: Uint32Array, slot: number): void {
  bits[slot >>> 5] = (bits[slot >>> 5] as number) & ~(1 << (slot & 31))
}
