import type { HostRow } from '../contracts/index.ts'
import type { Condition } from './filters/filter.ts'
import {
  type Demand,
  type Fact,
  factsOf,
  type Host,
  QUANTITIES,
  type Quantity,
  quantitiesOf,
} from './host.ts'
import type { Outcome, Pass, Range, Snapshot } from './snapshot.ts'
import type { Weighing } from './weighers/weigher.ts'

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
}

/** A condition as the twin asks it: a host passes with `least` to `most`. */
interface Test {
  readonly values: readonly number[]
  readonly least: number
  readonly most: number
}

/** A weigher with the range that it found. */
interface Scale {
  readonly values: readonly number[]
  readonly floor: number
  readonly multiplier: number
  readonly low: number
  readonly range: number
}

/**
 * The oracle of the WASM core: the same decisions from plain arrays, one host after the other. It shares the filters'
 * conditions and the weighers' scales with the fleet, and nothing of how they are carried out. Measurements take it as
 * the TypeScript that the core is compared with.
 */
export function createTwin(options: { service_down_time: number }): Twin {
  const hosts: (TwinHost | null)[] = []
  const columns = new Map<Quantity, number[]>(QUANTITIES.map((quantity) => [quantity, []]))
  /** 1 where the fact is true of the host in that slot. */
  const facts = new Map<Fact, number[]>()
  /** Hosts in each cell. */
  const cells = new Map<string, number>()

  const column = (quantity: Quantity): number[] => columns.get(quantity) ?? []

  function writeQuantities({ slot, row, taken }: TwinHost): void {
    const values = quantitiesOf(row, taken)
    for (const [index, quantity] of QUANTITIES.entries()) column(quantity)[slot] = values[index] as number
  }

  function writeFacts({ slot, row }: TwinHost, now: number): void {
    for (const marks of facts.values()) marks[slot] = 0
    for (const fact of factsOf(row, now, options.service_down_time)) {
      let marks = facts.get(fact)
      if (!marks) facts.set(fact, (marks = hosts.map(() => 0)))
      marks[slot] = 1
    }
  }

  const find = (cellId: string, hostId: number): TwinHost | null =>
    hosts.find((host) => host?.cell_id === cellId && host.row.id === hostId) ?? null

  function put(cellId: string, row: HostRow, now: number): void {
    let host = find(cellId, row.id)
    if (!host) {
      const free = hosts.indexOf(null)
      const slot = free === -1 ? hosts.length : free
      host = { slot, cell_id: cellId, row, taken: { vcpus: 0, memory_mb: 0, disk_gb: 0, servers: 0 } }
      hosts[slot] = host
      cells.set(cellId, (cells.get(cellId) ?? 0) + 1)
    }
    host.row = row
    writeQuantities(host)
    writeFacts(host, now)
  }

  function remove(cellId: string, hostId: number): void {
    const host = find(cellId, hostId)
    if (!host) return
    hosts[host.slot] = null
    cells.set(cellId, (cells.get(cellId) ?? 0) - 1)
  }

  function testOf(condition: Condition): Test {
    switch (condition.kind) {
      case 'has':
        return truth(facts.get(condition.fact) ?? hosts.map(() => 0))
      case 'at_least':
        return { values: column(condition.quantity), least: condition.amount, most: Infinity }
      case 'at_most':
        return { values: column(condition.quantity), least: -Infinity, most: condition.amount }
      case 'matches':
        return ask((host) => condition.test(host))
      case 'host_in':
        return ask(({ row }) => condition.hosts.includes(row.host))
      case 'host_not_in':
        return ask(({ row }) => !condition.hosts.includes(row.host))
      case 'node_in':
        return ask(({ row }) => condition.nodes.includes(row.node))
      case 'place_not_in':
        return ask(({ row }) => !condition.places.some(({ host, node }) => host === row.host && node === row.node))
    }
  }

  const ask = (passes: (host: Host) => boolean): Test => truth(hosts.map((host) => Number(host && passes(host))))

  function scan({ conditions, weighings, count }: Pass): Outcome {
    const tests = conditions.map(testOf)
    const rejected = conditions.map(() => ({ hosts: 0, best: 0 }))
    const survivors: number[] = []
    for (let slot = 0; slot < hosts.length; slot++) {
      if (hosts[slot] === null) continue
      const failed = firstFailed(tests, slot)
      const of = rejected[failed]
      if (!of) {
        survivors.push(slot)
        continue
      }
      of.hosts++
      const value = tests[failed]?.values[slot] as number
      const { kind } = conditions[failed] as Condition
      if (kind === 'at_least') of.best = Math.max(of.best, value)
      if (kind === 'at_most') of.best = of.hosts === 1 ? value : Math.min(of.best, value)
    }
    const ranges = weighings.map((weighing) => rangeOf(weighing, survivors))
    return { left: survivors.length, rejected, ranges, ranked: rank(survivors, weighings, ranges, count) }
  }

  function rangeOf({ quantity, floor }: Weighing, survivors: readonly number[]): Range {
    if (survivors.length <= 1) return { low: 0, high: 0 }
    const values = column(quantity)
    let low = floor ?? Infinity
    let high = floor ?? -Infinity
    for (const slot of survivors) {
      const value = values[slot] as number
      if (floor === null && value < low) low = value
      if (value > high) high = value
    }
    return { low, high }
  }

  function rank(survivors: readonly number[], weighings: readonly Weighing[], ranges: readonly Range[], count: number) {
    const scales = weighings.map(({ quantity, floor, multiplier }, index): Scale => {
      const { low, high } = ranges[index] as Range
      return { values: column(quantity), floor: floor ?? -Infinity, multiplier, low, range: high - low }
    })
    const ranked: { slot: number; weight: number }[] = []
    let least = -Infinity
    for (const slot of survivors) {
      const weight = weigh(scales, slot)
      if (ranked.length === count && weight <= least) continue
      const heavier = ranked.findLastIndex((other) => other.weight >= weight)
      ranked.splice(heavier + 1, 0, { slot, weight })
      if (ranked.length > count) ranked.pop()
      least = (ranked.at(-1) as { weight: number }).weight
    }
    return ranked
  }

  return {
    get size() {
      return cells.values().reduce((sum, count) => sum + count, 0)
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
    quantity: (slot, quantity) => column(quantity)[slot] as number,
    scan,
  }
}

const truth = (values: readonly number[]): Test => ({ values, least: 1, most: 1 })

function weigh(scales: readonly Scale[], slot: number): number {
  let weight = 0
  for (let index = 0; index < scales.length; index++) {
    const { values, floor, multiplier, low, range } = scales[index] as Scale
    if (range === 0) continue
    const value = values[slot] as number
    weight += multiplier * (((value < floor ? floor : value) - low) / range)
  }
  return weight
}

/** The index of the first test that the host does not pass; -1 for none. */
function firstFailed(tests: readonly Test[], slot: number): number {
  for (let index = 0; index < tests.length; index++) {
    const { values, least, most } = tests[index] as Test
    const value = values[slot] as number
    if (value < least || value > most) return index
  }
  return -1
}
