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
import type { Condition, Rejected } from './filters/filter.ts'
import { QUANTITIES, type Quantity } from './host.ts'
import { EMPTY, MATCHED, MAX_NAMED, type Memory, NAMED } from './memory.ts'
import { type Names, placeName } from './names.ts'
import type { Outcome, Pass, Range } from './snapshot.ts'
import type { Weighing } from './weighers/weigher.ts'

/** Carries out passes in the core. */
export interface Scans {
  /** @returns null where the core has no room for a column that a weigher asks for. */
  scan(pass: Pass): Outcome | null
  /** Passes of which the records are kept. */
  readonly kept: number
}

/** Looking at one logged change takes as long as scanning so many hosts. */
const HOSTS_PER_CHANGE = 16

const TOO_MANY_NAMED = `at most ${MAX_NAMED} conditions name hosts`
const NO_RANGE: Range = { low: 0, high: 0 }
const COLUMN_OF = new Map<Quantity, number>(QUANTITIES.map((quantity, index) => [quantity, index]))
export const columnOf = (quantity: Quantity): number => COLUMN_OF.get(quantity) as number

/** A record that is kept for a pass that comes again. */
interface Kept {
  readonly index: number
  readonly record: CoreRecord
  readonly weighings: readonly Weighing[]
  /** Conditions whose bitmap may have moved or has to be brought up to date. */
  readonly marked: readonly number[]
  /** Changes before this one are in the record; null before its first scan. */
  seen: number | null
  /** Slots in use when it was scanned. */
  slots: number
  /** When it was used last, counted in scans. */
  used: number
}

/** Slots that were marked in each scratch bitmap. */
type Marks = (readonly number[])[]

export function createScans(memory: Memory, names: Names): Scans {
  const { core, log, facts, matches, weighed } = memory
  const scratch = core.record(KEPT_RECORDS)
  const records = Array.from({ length: KEPT_RECORDS }, (_, index) => core.record(index))
  const kept = new Map<readonly Condition[], Kept>()
  let scans = 0

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
    const bits = memory.named[marks.length]
    assert(bits, TOO_MANY_NAMED)
    for (const slot of marked) setBit(bits, slot)
    marks.push(marked)
    return NAMED + marks.length - 1
  }

  function unmark(marks: Marks): void {
    for (const [at, marked] of marks.entries()) {
      for (const slot of marked) clearBit(memory.named[at] as Uint32Array, slot)
    }
  }

  /** False where a weigher's column finds no room. */
  function writeWeighings(record: CoreRecord, weighings: readonly Weighing[]): boolean {
    for (let at = 0; at < weighings.length; at++) {
      const { quantity, floor, multiplier } = weighings[at] as Weighing
      const rounded = weighed.indexOf(quantity, floor)
      if (rounded === undefined) return false
      record.setWeigher(at, { rounded, exact: columnOf(quantity), real: false, floor, multiplier }, null)
    }
    return true
  }

  /** The record kept for a pass, if it is worth one: the one that was not used for longest makes room. */
  function keep({ conditions, weighings }: Pass): Kept | undefined {
    const known = kept.get(conditions)
    if (known && known.weighings === weighings) return known
    if (conditions.length > MAX_KEPT_CONDITIONS || weighings.length > MAX_KEPT_WEIGHERS) return undefined
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
    const made: Kept = { index, record, weighings, marked, seen: null, slots: 0, used: 0 }
    kept.set(conditions, made)
    return writeWeighings(record, weighings) ? made : undefined
  }

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
      write(record, at, pass.conditions[at] as Condition, marks)
    }
    const { count } = log
    const missed = of.seen === null ? Infinity : count - of.seen
    const left =
      of.slots === memory.slots && missed <= core.logged && missed * HOSTS_PER_CHANGE <= memory.slots
        ? record.update(pass.count, of.seen as number, count)
        : record.scan(pass.count, true)
    of.seen = count
    of.slots = memory.slots
    of.used = ++scans
    if (marks.length > 0) unmark(marks)
    return outcomeOf(record, pass, left)
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
      const left = writeWeighings(scratch, weighings) ? scratch.scan(count, false) : null
      if (marks.length > 0) unmark(marks)
      return left === null ? null : outcomeOf(scratch, pass, left)
    },
  }
}

function outcomeOf(record: CoreRecord, { conditions, weighings, count }: Pass, left: number): Outcome {
  const rejected: Rejected[] = []
  for (let at = 0; at < conditions.length; at++) {
    const hosts = record.rejected(at)
    const { kind } = conditions[at] as Condition
    const compares = kind === 'at_least' || kind === 'at_most'
    rejected.push({ hosts, best: compares && hosts > 0 ? record.nearest(at) : 0 })
  }
  const ranges: Range[] = []
  // A single host is not weighed.
  for (let at = 0; at < weighings.length; at++) {
    ranges.push(left > 1 ? { low: record.low(at), high: record.high(at) } : NO_RANGE)
  }
  const ranked: Outcome['ranked'][number][] = []
  for (let place = 0; place < left && place < count; place++) {
    ranked.push({ slot: record.rankedSlot(place), weight: record.rankedWeight(place) })
  }
  return { left, rejected, ranges, ranked }
}
