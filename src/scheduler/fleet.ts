import type { HostRow } from '../contracts/index.ts'
import { assert } from '../kernel/index.ts'
import { clearBit, setBit } from './bits.ts'
import { AT_LEAST, AT_MOST, type Core, HAS, HAS_NOT, openCore, UNBOUNDED } from './core.ts'
import { createFactBitmaps, type FactBitmaps } from './fact-bitmaps.ts'
import type { Condition, Rejected } from './filters/filter.ts'
import {
  type Demand,
  type Fact,
  factsOf,
  type Host,
  isUp,
  QUANTITIES,
  type Quantity,
  quantitiesOf,
} from './host.ts'
import { createMatchBitmaps, type MatchBitmaps } from './match-bitmaps.ts'
import { createNames, placeName } from './names.ts'
import type { Outcome, Pass, Range, Snapshot } from './snapshot.ts'
import type { Weighing } from './weighers/weigher.ts'

export interface Fleet extends Snapshot {
  /** Takes a host's row as it is now; a host not known yet gets the lowest free slot. */
  put(cellId: string, row: HostRow, now: number): void
  remove(cellId: string, hostId: number): void
  /** Counts this much as taken from a host beside what its row says; `NOTHING` takes it back. */
  take(slot: number, taken: Demand): void
  slotOf(cellId: string, hostId: number): number | undefined
  /** All hosts, in the order of their slots. */
  hosts(): Host[]
  /** Looks at every heartbeat: services change to down by the passing of time alone. */
  sweep(now: number): void
  /** Size of the WASM memory in use. */
  readonly bytes: number
}

export const NOTHING: Demand = { vcpus: 0, memory_mb: 0, disk_gb: 0, servers: 0 }

/** Bitmaps with a fixed place; those of facts follow. */
const PRESENT = 0
/** No host at all: stands for a fact that is true of none. */
const EMPTY = 1
/** Scratch for the hosts a request names, one bitmap for each such condition. */
const NAMED = 2
const MAX_NAMED = 8
/** Predicates, those asked most recently: more than any one request has. */
const MATCHED = NAMED + MAX_NAMED
const MAX_MATCHED = 64
const FIRST_FACT = MATCHED + MAX_MATCHED

/** Room at the start; it doubles when it is used up. */
const FIRST_HOSTS = 128
const FIRST_BITMAPS = 96

const NO_RANGE: Range = { low: 0, high: 0 }
const COLUMN_OF = new Map<Quantity, number>(QUANTITIES.map((quantity, index) => [quantity, index]))
const columnOf = (quantity: Quantity): number => COLUMN_OF.get(quantity) as number

interface Entry extends Host {
  row: HostRow
  taken: Demand
  facts: readonly Fact[]
}

/** The part of a core that the fleet writes. */
interface Memory {
  readonly core: Core
  readonly columns: readonly Int32Array[]
  readonly present: Uint32Array
  readonly named: readonly Uint32Array[]
  readonly facts: FactBitmaps
  readonly matches: MatchBitmaps
}

/** Slots that were marked in each scratch bitmap. */
type Marks = (readonly number[])[]

/** Hosts as columns and bitmaps in the memory of the WASM core. Grows as hosts and facts come; slots are reused. */
export function createFleet(options: { service_down_time: number }): Fleet {
  const entries: (Entry | undefined)[] = []
  const slots = new Map<string, Map<number, number>>()
  const names = createNames()
  let memory = openMemory(FIRST_HOSTS, FIRST_BITMAPS, entries)
  let size = 0
  /** No slot below this one is free. */
  let lowestFree = 0

  /** Enters every host anew into a larger memory. Rare: each time twice as many hosts, or facts, fit. */
  function grow(hosts: number, bitmaps: number): void {
    memory = openMemory(hosts, bitmaps, entries)
    for (const entry of entries) {
      if (!entry) continue
      setBit(memory.present, entry.slot)
      writeQuantities(entry)
      assert(memory.facts.change(entry.slot, [], entry.facts), 'what fitted before fits into more')
    }
  }

  function writeQuantities({ slot, row, taken }: Entry): void {
    const values = quantitiesOf(row, taken)
    memory.matches.changed(slot)
    for (let index = 0; index < values.length; index++) {
      ;(memory.columns[index] as Int32Array)[slot] = values[index] as number
    }
  }

  function writeFacts(entry: Entry, facts: readonly Fact[]): void {
    const had = entry.facts
    entry.facts = facts
    if (!memory.facts.change(entry.slot, had, facts)) grow(memory.core.hosts, memory.core.bitmaps * 2)
  }

  function put(cellId: string, row: HostRow, now: number): void {
    const known = entries[slotOf(cellId, row.id) ?? -1]
    const entry = known ?? admit(cellId, row)
    if (known && (known.row.host !== row.host || known.row.node !== row.node)) {
      names.remove(known.slot, known.row)
      names.add(known.slot, row)
    }
    entry.row = row
    writeQuantities(entry)
    writeFacts(entry, factsOf(row, now, options.service_down_time))
  }

  function admit(cellId: string, row: HostRow): Entry {
    while (entries[lowestFree]) lowestFree++
    const slot = lowestFree
    if (slot === memory.core.hosts) grow(memory.core.hosts * 2, memory.core.bitmaps)
    const entry: Entry = { slot, cell_id: cellId, row, taken: NOTHING, facts: [] }
    entries[slot] = entry
    size++
    const ofCell = slots.get(cellId) ?? new Map<number, number>()
    slots.set(cellId, ofCell.set(row.id, slot))
    setBit(memory.present, slot)
    names.add(slot, row)
    return entry
  }

  function remove(cellId: string, hostId: number): void {
    const ofCell = slots.get(cellId)
    const entry = entries[ofCell?.get(hostId) ?? -1]
    if (!ofCell || !entry) return
    const { slot } = entry
    writeFacts(entry, [])
    clearBit(memory.present, slot)
    names.remove(slot, entry.row)
    entries[slot] = undefined
    size--
    lowestFree = Math.min(lowestFree, slot)
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

  /** Writes a condition into the core, one that names hosts with the help of a scratch bitmap. */
  function write(at: number, condition: Condition, marks: Marks): void {
    const { core, facts } = memory
    switch (condition.kind) {
      case 'has':
        return core.setCondition(at, HAS, facts.indexOf(condition.fact) ?? EMPTY, 0)
      case 'at_least':
        return core.setCondition(at, AT_LEAST, columnOf(condition.quantity), condition.amount)
      case 'at_most':
        return core.setCondition(at, AT_MOST, columnOf(condition.quantity), condition.amount)
      case 'matches':
        return core.setCondition(at, HAS, MATCHED + memory.matches.indexOf(condition), 0)
      case 'host_in':
        return core.setCondition(at, HAS, mark(names.slotsOf('host', condition.hosts), marks), 0)
      case 'host_not_in':
        return core.setCondition(at, HAS_NOT, mark(names.slotsOf('host', condition.hosts), marks), 0)
      case 'node_in':
        return core.setCondition(at, HAS, mark(names.slotsOf('node', condition.nodes), marks), 0)
      case 'place_not_in':
        return core.setCondition(at, HAS_NOT, mark(names.slotsOf('place', condition.places.map(placeName)), marks), 0)
    }
  }

  /** Sets the bits of these hosts in a scratch bitmap, and answers its index. */
  function mark(marked: readonly number[], marks: Marks): number {
    const scratch = marks.length
    const bits = memory.named[scratch]
    assert(bits, `at most ${MAX_NAMED} conditions name hosts`)
    for (const slot of marked) setBit(bits, slot)
    marks.push(marked)
    return NAMED + scratch
  }

  function unmark(marks: Marks): void {
    for (const [scratch, marked] of marks.entries()) {
      for (const slot of marked) clearBit(memory.named[scratch] as Uint32Array, slot)
    }
  }

  // This and what it calls run once per decision: counted loops, for iterators would cost as much as a thousand hosts.
  function scan({ conditions, weighings, count }: Pass): Outcome {
    const { core } = memory
    const marks: Marks = []
    for (let at = 0; at < conditions.length; at++) write(at, conditions[at] as Condition, marks)
    for (let at = 0; at < weighings.length; at++) {
      const { quantity, floor, multiplier } = weighings[at] as Weighing
      core.setWeigher(at, columnOf(quantity), floor ?? UNBOUNDED, multiplier)
    }
    const left = core.scan(conditions.length, weighings.length, count)
    if (marks.length > 0) unmark(marks)

    const rejected: Rejected[] = []
    for (let at = 0; at < conditions.length; at++) {
      const hosts = core.rejected(at)
      const { kind } = conditions[at] as Condition
      const compares = kind === 'at_least' || kind === 'at_most'
      rejected.push({ hosts, best: compares && hosts > 0 ? core.nearest(at) : 0 })
    }
    const ranges: Range[] = []
    // A single host is not weighed.
    for (let at = 0; at < weighings.length; at++) {
      ranges.push(left > 1 ? { low: core.low(at), high: core.high(at) } : NO_RANGE)
    }
    const ranked: Outcome['ranked'][number][] = []
    for (let place = 0; place < left && place < count; place++) {
      ranked.push({ slot: core.rankedSlot(place), weight: core.rankedWeight(place) })
    }
    return { left, rejected, ranges, ranked }
  }

  return {
    get size() {
      return size
    },
    get cells() {
      return slots.size
    },
    get bytes() {
      return memory.core.bytes
    },
    put,
    remove,
    take(slot, taken) {
      const entry = entryAt(slot)
      entry.taken = taken
      writeQuantities(entry)
    },
    slotOf,
    hosts: () => entries.filter((entry) => entry !== undefined),
    host: entryAt,
    quantity: (slot, quantity) => (memory.columns[columnOf(quantity)] as Int32Array)[slot] as number,
    sweep,
    scan,
  }
}

function openMemory(hosts: number, bitmaps: number, entries: readonly (Entry | undefined)[]): Memory {
  const core = openCore({ hosts, columns: QUANTITIES.length, bitmaps })
  return {
    core,
    columns: QUANTITIES.map((_, index) => core.column(index)),
    present: core.bitmap(PRESENT),
    named: Array.from({ length: MAX_NAMED }, (_, index) => core.bitmap(NAMED + index)),
    facts: createFactBitmaps(core, FIRST_FACT),
    matches: createMatchBitmaps(
      Array.from({ length: MAX_MATCHED }, (_, index) => core.bitmap(MATCHED + index)),
      entries,
    ),
  }
}
