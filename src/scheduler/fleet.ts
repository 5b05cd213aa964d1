import type { HostRow } from '../contracts/index.ts'
import { assert } from '../kernel/index.ts'
import { clearBit, setBit } from './bits.ts'
import { type Demand, type Fact, factsOf, type Host, isUp, quantitiesOf } from './host.ts'
import { FIRST_SIZE, type MemorySize, openMemory } from './memory.ts'
import { createNames } from './names.ts'
import { createVariations, variationsOf } from './variations.ts'
import { createScans } from './scans.ts'
import type { Outcome, Pass, Snapshot } from './snapshot.ts'

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

interface Entry extends Host {
  row: HostRow
  taken: Demand
  quantities: readonly number[]
  facts: readonly Fact[]
}

/** Hosts as columns and bitmaps in the memory of the WASM core. Grows as hosts and facts come; slots are reused. */
export function createFleet(options: { service_down_time: number }): Fleet {
  const entries: (Entry | undefined)[] = []
  const slots = new Map<string, Map<number, number>>()
  const names = createNames()
  let memory = openMemory(FIRST_SIZE, entries)
  const variations = createVariations()
  let scans = createScans(memory, names, variations)
  let size = 0
  /** No slot below this one is free. */
  let lowestFree = 0

  /** Enters every host anew into a larger memory. Rare: each time twice as many hosts, facts or columns fit. */
  function grow(more: Partial<MemorySize>): void {
    memory = openMemory({ ...memory.size, ...more }, entries)
    scans = createScans(memory, names, variations)
    for (const entry of entries) {
      if (!entry) continue
      occupy(entry.slot)
      writeQuantities(entry)
      assert(memory.facts.change(entry.slot, [], entry.facts), 'what fitted before fits into more')
    }
  }

  function occupy(slot: number): void {
    setBit(memory.present, slot)
    if (slot < memory.slots) return
    memory.slots = slot + 1
    memory.core.use(memory.slots)
  }

  function writeQuantities(entry: Entry): void {
    const { slot } = entry
    const values = quantitiesOf(entry.row, entry.taken)
    entry.quantities = values
    for (let index = 0; index < values.length; index++) {
      ;(memory.quantities[index] as Int32Array)[slot] = values[index] as number
    }
    memory.weighed.write(slot, values)
  }

  function writeFacts(entry: Entry, facts: readonly Fact[]): void {
    const had = entry.facts
    entry.facts = facts
    if (!memory.facts.change(entry.slot, had, facts)) grow({ bitmaps: memory.size.bitmaps * 2 })
  }

  function put(cellId: string, row: HostRow, now: number): void {
    const known = entries[slotOf(cellId, row.id) ?? -1]
    const entry = known ?? admit(cellId, row)
    if (known && (known.row.host !== row.host || known.row.node !== row.node)) {
      names.remove(known.slot, known.row)
      names.add(known.slot, row)
    }
    memory.log.add(entry.slot, entry.quantities)
    variations.change(known ? variationsOf(known.row) : [], variationsOf(row))
    entry.row = row
    writeQuantities(entry)
    writeFacts(entry, factsOf(row, now, options.service_down_time))
  }

  function admit(cellId: string, row: HostRow): Entry {
    while (entries[lowestFree]) lowestFree++
    const slot = lowestFree
    if (slot === memory.size.hosts) grow({ hosts: memory.size.hosts * 2 })
    const entry: Entry = { slot, cell_id: cellId, row, taken: NOTHING, quantities: [], facts: [] }
    entries[slot] = entry
    size++
    const ofCell = slots.get(cellId) ?? new Map<number, number>()
    slots.set(cellId, ofCell.set(row.id, slot))
    occupy(slot)
    names.add(slot, row)
    return entry
  }

  function remove(cellId: string, hostId: number): void {
    const ofCell = slots.get(cellId)
    const entry = entries[ofCell?.get(hostId) ?? -1]
    if (!ofCell || !entry) return
    const { slot } = entry
    memory.log.add(slot, entry.quantities)
    variations.change(variationsOf(entry.row), [])
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
    assert(entry, 'the slot has a host')
    return entry
  }

  function sweep(now: number): void {
    for (const entry of entries) {
      if (!entry || isUp(entry.row, now, options.service_down_time) === entry.facts.includes('up')) continue
      memory.log.add(entry.slot, entry.quantities)
      writeFacts(entry, factsOf(entry.row, now, options.service_down_time))
    }
  }

  function scan(pass: Pass): Outcome {
    for (;;) {
      const outcome = scans.scan(pass)
      if (typeof outcome !== 'string') return outcome
      grow({ [outcome]: Math.max(memory.size[outcome] * 2, 4) })
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
      return memory.core.bytes
    },
    put,
    remove,
    take(slot, taken) {
      const entry = entryAt(slot)
      memory.log.add(slot, entry.quantities)
      entry.taken = taken
      writeQuantities(entry)
    },
    slotOf,
    hosts: () => entries.filter((entry) => entry !== undefined),
    host: entryAt,
    sweep,
    scan,
  }
}
