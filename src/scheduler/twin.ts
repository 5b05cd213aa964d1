import type { HostRow } from '../contracts/index.ts'
import type { Condition, Rejected } from './filters/filter.ts'
import { type Demand, type Fact, factsOf, type Host, QUANTITIES, type Quantity, quantitiesOf } from './host.ts'
import type { Outcome, Pass, Snapshot } from './snapshot.ts'
import { variationsOf } from './variations.ts'
import { type Measure, measured, multiplierFor, type Weighing } from './weighers/weigher.ts'

/** What the fleet can do, done the plain way. */
export interface Twin extends Snapshot {
  put(cellId: string, row: HostRow, now: number): void
  remove(cellId: string, hostId: number): void
  take(slot: number, taken: Demand): void
  sweep(now: number): void
}

interface TwinHost extends Host {
  row: HostRow
  taken: Demand
  quantities: readonly number[]
}

/** Arrays with a place for each slot; they double when slots run out. */
interface Columns {
  readonly quantities: ReadonlyMap<Quantity, Int32Array>
  /** 1 where the fact is true of the host. */
  readonly facts: Map<Fact, Uint8Array>
  /** Scratch: slots of the hosts not rejected yet. */
  readonly left: Int32Array
  readonly room: number
}

type Values = Int32Array | Float64Array

interface Ranked {
  readonly slot: number
  readonly weight: number
}

interface Range {
  readonly low: number
  readonly high: number
}

/** A weigher with the range that it found. */
interface Scale {
  readonly values: Int32Array | Float64Array
  readonly floor: number
  readonly multiplier: number
  /** Where aggregates say it: of each host. */
  readonly multipliers: Float64Array | null
  readonly low: number
  readonly range: number
}

/**
 * The oracle of the WASM core: the same decisions from typed arrays, one condition after the other over the hosts that
 * are left. It shares the filters' conditions and the weighers' scales with the fleet, and nothing of how they are
 * carried out. Measurements take it as the TypeScript that the core is compared with.
 */
export function createTwin(options: { service_down_time: number }): Twin {
  const hosts: (TwinHost | null)[] = []
  const known = new Map<string, TwinHost>()
  let columns = openColumns(64)
  /** Hosts whose aggregates say multipliers. */
  let varied = 0
  /** Hosts in each cell. */
  const cells = new Map<string, number>()

  const column = (quantity: Quantity): Int32Array => columns.quantities.get(quantity) as Int32Array
  const keyOf = (cellId: string, hostId: number): string => `${cellId} ${hostId}`

  function writeQuantities(host: TwinHost): void {
    const { slot } = host
    const values = quantitiesOf(host.row, host.taken)
    host.quantities = values
    for (const [index, quantity] of QUANTITIES.entries()) column(quantity)[slot] = values[index] as number
  }

  function writeFacts({ slot, row }: TwinHost, now: number): void {
    for (const marks of columns.facts.values()) marks[slot] = 0
    for (const fact of factsOf(row, now, options.service_down_time)) {
      let marks = columns.facts.get(fact)
      if (!marks) columns.facts.set(fact, (marks = new Uint8Array(columns.room)))
      marks[slot] = 1
    }
  }

  function put(cellId: string, row: HostRow, now: number): void {
    let host = known.get(keyOf(cellId, row.id))
    if (!host) {
      const free = known.size < hosts.length ? hosts.indexOf(null) : -1
      const slot = free === -1 ? hosts.length : free
      if (slot === columns.room) columns = grown(columns)
      host = { slot, cell_id: cellId, row, taken: { vcpus: 0, memory_mb: 0, disk_gb: 0, servers: 0 }, quantities: [] }
      hosts[slot] = host
      known.set(keyOf(cellId, row.id), host)
      cells.set(cellId, (cells.get(cellId) ?? 0) + 1)
    }
    if (host.quantities.length > 0) varied -= Number(variationsOf(host.row).length > 0)
    varied += Number(variationsOf(row).length > 0)
    host.row = row
    writeQuantities(host)
    writeFacts(host, now)
  }

  function remove(cellId: string, hostId: number): void {
    const host = known.get(keyOf(cellId, hostId))
    if (!host) return
    known.delete(keyOf(cellId, hostId))
    hosts[host.slot] = null
    varied -= Number(variationsOf(host.row).length > 0)
    cells.set(cellId, (cells.get(cellId) ?? 0) - 1)
  }

  /** Keeps the first of `left` in which the condition holds; answers how many, and who was rejected. */
  function keep(condition: Condition, left: Int32Array, count: number): { left: number; rejected: Rejected } {
    switch (condition.kind) {
      case 'at_least':
        return keepAtLeast(column(condition.quantity), condition.amount, left, count)
      case 'at_most':
        return keepAtMost(column(condition.quantity), condition.amount, left, count)
      case 'has': {
        const marks = columns.facts.get(condition.fact)
        return keepWhere((slot) => marks?.[slot] === 1, left, count)
      }
      case 'matches':
        return keepWhere((slot) => condition.test(hosts[slot] as Host), left, count)
      case 'host_in':
        return keepWhere((slot) => condition.hosts.includes((hosts[slot] as Host).row.host), left, count)
      case 'host_not_in':
        return keepWhere((slot) => !condition.hosts.includes((hosts[slot] as Host).row.host), left, count)
      case 'node_in':
        return keepWhere((slot) => condition.nodes.includes((hosts[slot] as Host).row.node), left, count)
      case 'place_not_in':
        return keepWhere((slot) => {
          const { row } = hosts[slot] as Host
          return !condition.places.some(({ host, node }) => host === row.host && node === row.node)
        }, left, count)
    }
  }

  function scan({ conditions, weighings, count }: Pass): Outcome {
    const { left } = columns
    let survivors = 0
    for (let slot = 0; slot < hosts.length; slot++) if (hosts[slot] !== null) left[survivors++] = slot
    const rejected: Rejected[] = []
    for (const condition of conditions) {
      const kept = keep(condition, left, survivors)
      survivors = kept.left
      rejected.push(kept.rejected)
    }
    const values = weighings.map(({ measure }) => valuesOf(measure, left, survivors))
    const ranges = weighings.map(({ floor }, index) => rangeOf(values[index] as Values, floor, left, survivors))
    const ranked = rank(left, survivors, weighings, values, ranges, count)
    return {
      left: survivors,
      ranked: ranked.length,
      rankedSlot: (place) => (ranked[place] as Ranked).slot,
      rankedWeight: (place) => (ranked[place] as Ranked).weight,
      rejected: (index) => (rejected[index] as Rejected).hosts,
      nearest: (index) => (rejected[index] as Rejected).best,
      low: (index) => (ranges[index] as Range).low,
      high: (index) => (ranges[index] as Range).high,
    }
  }

  function valuesOf(measure: Measure, left: Int32Array, survivors: number): Values {
    if (measure.kind === 'quantity') return column(measure.quantity)
    return each(left, survivors, (host) => measured(host, measure))
  }

  function each(left: Int32Array, survivors: number, of: (host: Host) => number): Float64Array {
    const values = new Float64Array(columns.room)
    for (let at = 0; at < survivors; at++) {
      const slot = left[at] as number
      values[slot] = of(hosts[slot] as Host)
    }
    return values
  }

  function rangeOf(values: Values, floor: number | null, left: Int32Array, survivors: number): Range {
    if (survivors <= 1) return { low: 0, high: 0 }
    let low = floor ?? Infinity
    let high = floor ?? -Infinity
    for (let at = 0; at < survivors; at++) {
      const value = values[left[at] as number] as number
      if (floor === null && value < low) low = value
      if (value > high) high = value
    }
    return { low, high }
  }

  function rank(
    left: Int32Array,
    survivors: number,
    weighings: readonly Weighing[],
    values: readonly Values[],
    ranges: readonly Range[],
    count: number,
  ): readonly Ranked[] {
    const scales = weighings.flatMap((weighing, index): Scale[] => {
      const { floor, multiplier } = weighing
      const { low, high } = ranges[index] as Range
      if (high <= low) return []
      const multipliers = varied > 0 ? each(left, survivors, (host) => multiplierFor(host, weighing)) : null
      const of = values[index] as Values
      return [{ values: of, floor: floor ?? -Infinity, multiplier, multipliers, low, range: high - low }]
    })
    const ranked: Ranked[] = []
    let least = -Infinity
    for (let at = 0; at < survivors; at++) {
      const slot = left[at] as number
      const weight = weigh(scales, slot)
      if (weight <= least && ranked.length === count) continue
      const heavier = ranked.findLastIndex((other) => other.weight >= weight)
      ranked.splice(heavier + 1, 0, { slot, weight })
      if (ranked.length > count) ranked.pop()
      least = (ranked.at(-1) as Ranked).weight
    }
    return ranked
  }

  return {
    get size() {
      return known.size
    },
    get cells() {
      return cells.values().filter((count) => count > 0).toArray().length
    },
    put,
    remove,
    take(slot, taken) {
      const host = hosts[slot] as TwinHost
      host.taken = taken
      writeQuantities(host)
    },
    sweep(now) {
      for (const host of hosts) if (host) writeFacts(host, now)
    },
    host: (slot) => hosts[slot] as TwinHost,
    scan,
  }
}

function openColumns(room: number): Columns {
  return {
    quantities: new Map(QUANTITIES.map((quantity) => [quantity, new Int32Array(room)])),
    facts: new Map(),
    left: new Int32Array(room),
    room,
  }
}

function grown(old: Columns): Columns {
  const columns = openColumns(old.room * 2)
  for (const [quantity, values] of old.quantities) columns.quantities.get(quantity)?.set(values)
  for (const [fact, marks] of old.facts) {
    const more = new Uint8Array(columns.room)
    more.set(marks)
    columns.facts.set(fact, more)
  }
  return columns
}

function keepWhere(holds: (slot: number) => boolean, left: Int32Array, count: number) {
  let kept = 0
  for (let at = 0; at < count; at++) {
    const slot = left[at] as number
    if (holds(slot)) left[kept++] = slot
  }
  return { left: kept, rejected: { hosts: count - kept, best: 0 } }
}

function keepAtLeast(values: Int32Array, amount: number, left: Int32Array, count: number) {
  let kept = 0
  let best = 0
  for (let at = 0; at < count; at++) {
    const slot = left[at] as number
    const value = values[slot] as number
    if (value >= amount) left[kept++] = slot
    else if (value > best) best = value
  }
  return { left: kept, rejected: { hosts: count - kept, best } }
}

function keepAtMost(values: Int32Array, amount: number, left: Int32Array, count: number) {
  let kept = 0
  let best = Infinity
  for (let at = 0; at < count; at++) {
    const slot = left[at] as number
    const value = values[slot] as number
    if (value <= amount) left[kept++] = slot
    else if (value < best) best = value
  }
  return { left: kept, rejected: { hosts: count - kept, best: kept === count ? 0 : best } }
}

function weigh(scales: readonly Scale[], slot: number): number {
  let weight = 0
  for (let index = 0; index < scales.length; index++) {
    const { values, floor, multiplier, multipliers, low, range } = scales[index] as Scale
    const value = values[slot] as number
    weight += (multipliers ? (multipliers[slot] as number) : multiplier) * (((value < floor ? floor : value) - low) / range)
  }
  return weight
}
