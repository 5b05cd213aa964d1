import { assert } from '../kernel/index.ts'
import { clearBit, setBit } from './bits.ts'
import {
  AT_LEAST,
  AT_MOST,
  type CoreRecord,
  HAS,
  HAS_NOT,
  KEPT_RECORDS,
  MAX_KEPT_CONDITIONS,
  MAX_KEPT_WEIGHERS,
} from './core.ts'
import type { Condition } from './filters/filter.ts'
import { type Quantity, QUANTITY_COLUMNS } from './host.ts'
import { EMPTY, MATCHED, MAX_NAMED, MAX_NAMED_VALUES, type Memory, NAMED } from './memory.ts'
import { type Names, placeName } from './names.ts'
import type { Outcome, Pass } from './snapshot.ts'
import type { Variations } from './variations.ts'
import { type Measure, multiplierFor, type Weighing } from './weighers/weigher.ts'

/** Carries out passes in the core. */
export interface Scans {
  /** @returns of what there is no room for a column that a weigher asks for, when there is none. */
  scan(pass: Pass): Outcome | Lack
  /** Passes of which the records are kept. */
  readonly kept: number
}

type Lack = 'weighed' | 'values'

/** Looking at one logged change takes as long as scanning so many hosts. */
const HOSTS_PER_CHANGE = 16

const TOO_MANY_NAMED = `at most ${MAX_NAMED} conditions name hosts`
const TOO_MANY_NAMED_VALUES = `at most ${MAX_NAMED_VALUES} weighers name hosts`
const columnOf = (quantity: Quantity): number => QUANTITY_COLUMNS[quantity]

/** A record that is kept for a pass that comes again. */
interface Kept {
  readonly index: number
  readonly record: CoreRecord
  readonly weighings: readonly Weighing[]
  /** Conditions whose bitmap may have moved or has to be brought up to date. */
  readonly marked: readonly number[]
  /** Changes before this one are in the record; null before its first scan. */
  seen: number | null
  /** How often the bitmaps of facts had moved. */
  facts: number
  /** Slots in use when it was scanned. */
  slots: number
  /** When it was used last, counted in scans. */
  used: number
}

/** Clears what was marked for one request. */
type Undo = () => void
type Marks = Undo[]

export function createScans(memory: Memory, names: Names, variations: Variations): Scans {
  const { core, log, facts, matches, weighed, values } = memory
  const scratch = core.record(KEPT_RECORDS)
  const records = Array.from({ length: KEPT_RECORDS }, (_, index) => core.record(index))
  const kept = new Map<readonly Condition[], Kept>()
  let scans = 0
  /** The weighings that stand in the scratch record, if they do not change from scan to scan. */
  let written: readonly Weighing[] | null = null

  /** Writes a condition, one that names hosts with the help of a scratch bitmap. */
  function write(record: CoreRecord, at: number, condition: Condition, marks: Marks): void {
    switch (condition.kind) {
      case 'has':
        return record.setCondition(at, HAS, facts.indexOf(condition.fact) ?? EMPTY, 0)
      case 'at_least':
        return record.setCondition(at, AT_LEAST, columnOf(condition.quantity), condition.amount)
      case 'at_most':
        return record.setCondition(at, AT_MOST, columnOf(condition.quantity), condition.amount)
      case 'matches':
        return record.setCondition(at, HAS, MATCHED + matches.indexOf(condition), 0)
      case 'host_in':
        return record.setCondition(at, HAS, mark(names.slotsOf('host', condition.hosts), marks), 0)
      case 'host_not_in':
        return record.setCondition(at, HAS_NOT, mark(names.slotsOf('host', condition.hosts), marks), 0)
      case 'node_in':
        return record.setCondition(at, HAS, mark(names.slotsOf('node', condition.nodes), marks), 0)
      case 'place_not_in':
        return record.setCondition(at, HAS_NOT, mark(names.slotsOf('place', condition.places.map(placeName)), marks), 0)
    }
  }

  /** Sets the bits of these hosts in a scratch bitmap, and answers its index. */
  function mark(marked: readonly number[], marks: Marks): number {
    const nth = marks.length
    const bits = memory.named[nth]
    assert(bits, TOO_MANY_NAMED)
    for (const slot of marked) setBit(bits, slot)
    marks.push(() => {
      for (const slot of marked) clearBit(bits, slot)
    })
    return NAMED + nth
  }

  function unmark(marks: Marks): void {
    for (const undo of marks) undo()
  }

  /** @returns what there is no room for; null when all is written */
  function writeWeighings(record: CoreRecord, weighings: readonly Weighing[], marks: Marks): Lack | null {
    let namedValues = 0
    for (let at = 0; at < weighings.length; at++) {
      const weighing = weighings[at] as Weighing
      const { measure, floor, multiplier } = weighing
      let rounded: number | undefined
      let exact: number
      if (measure.kind === 'quantity') {
        rounded = weighed.indexOf(measure.quantity, floor)
        exact = columnOf(measure.quantity)
        if (rounded === undefined) return 'weighed'
      } else if (measure.kind === 'value') {
        const { key, of } = measure
        const index =
          floor === null
            ? values.indexOf(key, of)
            : values.indexOf(`${key} from ${floor}`, (host) => Math.max(of(host), floor))
        if (index === undefined) return 'values'
        rounded = memory.firstValue + index
        exact = index
      } else {
        const to = memory.namedValues[namedValues++]
        assert(to, TOO_MANY_NAMED_VALUES)
        rounded = to.float
        exact = to.integer
        marks.push(writeNamed(measure, floor, to))
      }
      const [real, ranged] = [measure.kind === 'value', measure.kind === 'quantity']
      if (!varies(weighing)) {
        record.setWeigher(at, rounded, exact, real, ranged, floor, multiplier, -1, -1)
        continue
      }
      const own = values.indexOf(`multiplier ${weighing.option} ${multiplier}`, (host) => multiplierFor(host, weighing))
      if (own === undefined) return 'values'
      record.setWeigher(at, rounded, exact, real, ranged, floor, mostOf(weighing), memory.firstValue + own, own)
    }
    return null
  }

  const varies = ({ option }: Weighing): boolean => variations.size > 0 && variations.has(option)

  /** No multiplier of a host is larger than this one. */
  function mostOf(weighing: Weighing): number {
    let most = Math.abs(weighing.multiplier)
    for (const value of variations.values(weighing.option)) {
      if (Number.isFinite(value)) most = Math.max(most, Math.abs(value))
    }
    return most
  }

  /** Values for hosts by name, in scratch columns. */
  function writeNamed(
    measure: Measure & { kind: 'hosts' },
    floor: number | null,
    { exact, rounded }: Memory['namedValues'][number],
  ): Undo {
    const slots: number[] = []
    for (const name of Object.keys(measure.values)) {
      for (const slot of names.slotsOf('host', [name])) {
        exact[slot] = Math.max(measure.values[name] as number, floor ?? Number.NEGATIVE_INFINITY)
        rounded[slot] = exact[slot] as number
        slots.push(slot)
      }
    }
    return () => {
      for (const slot of slots) {
        exact[slot] = 0
        rounded[slot] = 0
      }
    }
  }

  /** The record kept for a pass, if it is worth one: the one that was not used for longest makes room. */
  function keep({ conditions, weighings }: Pass): Kept | undefined {
    const known = kept.get(conditions)
    if (known && known.weighings === weighings && (variations.size === 0 || !weighings.some(varies))) return known
    if (conditions.length > MAX_KEPT_CONDITIONS || !weighings.every(isPlain) || weighings.some(varies)) return undefined
    if (weighings.length > MAX_KEPT_WEIGHERS) return undefined
    const index = known ? known.index : kept.size < KEPT_RECORDS ? kept.size : evict()
    const record = records[index] as CoreRecord
    record.shape(conditions.length, weighings.length)
    const marked: number[] = []
    const marks: Marks = []
    for (let at = 0; at < conditions.length; at++) {
      const condition = conditions[at] as Condition
      if (condition.kind === 'at_least' || condition.kind === 'at_most') write(record, at, condition, marks)
      else marked.push(at)
    }
    if (writeWeighings(record, weighings, marks) !== null) return undefined
    const made: Kept = { index, record, weighings, marked, seen: null, facts: -1, slots: 0, used: ++scans }
    kept.set(conditions, made)
    return made
  }

  /** The log tells old quantities only. */
  const isPlain = ({ measure }: Weighing): boolean => measure.kind === 'quantity'

  function evict(): number {
    let oldest: [readonly Condition[], Kept] | undefined
    for (const each of kept) if (!oldest || each[1].used < oldest[1].used) oldest = each
    assert(oldest, 'there is a record to make room')
    kept.delete(oldest[0])
    return oldest[1].index
  }

  /** As `scan`, with what the last pass of this kind has found. */
  function scanKept(of: Kept, pass: Pass): Outcome {
    const { record } = of
    const marks: Marks = []
    for (let nth = 0; nth < of.marked.length; nth++) {
      const at = of.marked[nth] as number
      const condition = pass.conditions[at] as Condition
      if (condition.kind !== 'has' || of.facts !== facts.moves) write(record, at, condition, marks)
    }
    of.facts = facts.moves
    const { count } = log
    const missed = of.seen === null ? Infinity : count - of.seen
    if (of.slots === memory.slots && missed <= core.logged && missed * HOSTS_PER_CHANGE <= memory.slots) {
      record.update(pass.count, of.seen as number, count)
    } else record.scan(pass.count, true)
    of.seen = count
    of.slots = memory.slots
    of.used = ++scans
    if (marks.length > 0) unmark(marks)
    return record
  }

  return {
    get kept() {
      return kept.size
    },
    // This and what it calls run once per decision: counted loops, for iterators would cost as much as a thousand hosts.
    scan(pass) {
      const { conditions, weighings, count } = pass
      if (pass.recurs) {
        const of = keep(pass)
        if (of) return scanKept(of, pass)
      }
      scratch.shape(conditions.length, weighings.length)
      const marks: Marks = []
      for (let at = 0; at < conditions.length; at++) write(scratch, at, conditions[at] as Condition, marks)
      if (written !== weighings || variations.size > 0) {
        const lack = writeWeighings(scratch, weighings, marks)
        if (lack !== null) {
          unmark(marks)
          return lack
        }
        written = weighings.every(isPlain) ? weighings : null
      }
      scratch.scan(count, false)
      if (marks.length > 0) unmark(marks)
      return scratch
    },
  }
}
