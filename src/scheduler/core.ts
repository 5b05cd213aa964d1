import { readFileSync } from 'node:fs'
import { assert } from '../kernel/index.ts'
import { QUANTITY_MAX, QUANTITY_MIN } from './host.ts'
import { MAX_RANKED, type Outcome } from './snapshot.ts'

/** What `wasm/assembly/core.ts` exports; `layout.ts` and `record.ts` there say what is written and read here. */
interface Exports {
  bind(room: number, present: number, log: number, entries: number, entryBytes: number, met: number, stale: number): void
  use(blocks: number): void
  scan(record: number, conditions: number, weighers: number, count: number, keep: boolean): number
  update(record: number, conditions: number, weighers: number, count: number, from: number, to: number): number
  readonly ranking: WebAssembly.Global
  readonly heap: WebAssembly.Global
}

/** Operations of a condition. */
export const HAS = 0
export const HAS_NOT = 1
export const AT_LEAST = 2
export const AT_MOST = 3

export const MAX_CONDITIONS = 64
export const MAX_WEIGHERS = 31
/** What a record that is kept may have; there are so many of these, beside one for everything else. */
export const MAX_KEPT_CONDITIONS = 32
export const MAX_KEPT_WEIGHERS = 16
export const KEPT_RECORDS = 32

// Made once: a decision has no time to put words together that nobody reads.
const TOO_MANY_CONDITIONS = `a scan asks at most ${MAX_CONDITIONS} conditions`
const TOO_MANY_WEIGHERS = `a scan weighs by at most ${MAX_WEIGHERS} weighers`
const TOO_MANY_RANKED = `a scan ranks 1 to ${MAX_RANKED} hosts`

const HEADER_WORDS = 8
const CONDITION_WORDS = 8
const WEIGHER_WORDS = 28
const RANK_WORDS = 4
const PAGE_BYTES = 65_536

export interface CoreSize {
  /** 256 times a power of two, so that every column and bitmap is whole blocks and aligned for the vector instructions. */
  readonly hosts: number
  /** Columns of i32, f32 and f64. Of those of i32 the log keeps the first so many. */
  readonly integers: number
  readonly loggedIntegers: number
  readonly floats: number
  readonly doubles: number
  readonly bitmaps: number
}

/**
 * One instance of the WASM core: its memory, cut into columns (a number per host), bitmaps (a bit per host), the log of
 * changes, and records of scans. Bitmap 0 is the slots that have a host.
 */
export interface Core extends CoreSize {
  /** Size of everything but the kept records. */
  readonly bytes: number
  /** Entries that the log keeps. */
  readonly logged: number
  integerColumn(index: number): Int32Array
  floatColumn(index: number): Float32Array
  doubleColumn(index: number): Float64Array
  /** For each block of 64 hosts: no value in the column of f32 is more, or less. Weighers read it if it is `ranged`. */
  ceilings(index: number): Float32Array
  depths(index: number): Float32Array
  bitmap(index: number): Uint32Array
  /** No slot from here on has a host. */
  use(slots: number): void
  /** Writes change `number` of the log: the host in `slot`, with its quantities as they are until now. */
  log(number: number, slot: number, quantities: readonly number[]): void
  /** The slot of change `number`. */
  loggedSlot(number: number): number
  /** One of the kept records, or KEPT_RECORDS for the one that is not kept. */
  record(index: number): CoreRecord
}

/** A scan: what it asks, and what it found. */
export interface CoreRecord extends Outcome {
  /** Has to be called before conditions and weighers are written. */
  shape(conditions: number, weighers: number): void
  /** Writes condition `at`: a bitmap for HAS and HAS_NOT, a column of i32 for AT_LEAST and AT_MOST. */
  setCondition(at: number, operation: number, operand: number, amount: number): void
  /**
   * Writes weigher `at`; they stay as they are while their number does. Values in f32, not below the floor, are in
   * column `rounded`; exact ones in a column of i32, or if they are `real` of f64. Multipliers that differ from host to
   * host are in columns of f32 and f64; -1 for none.
   */
  setWeigher(
    at: number,
    rounded: number,
    exact: number,
    real: boolean,
    ranged: boolean,
    floor: number | null,
    multiplier: number,
    roundedMultipliers: number,
    exactMultipliers: number,
  ): void
  /** Looks at every host. What is to be updated later has to be kept. */
  scan(count: number, keep: boolean): void
  /** Looks at those that the log has from one change up to another. */
  update(count: number, from: number, to: number): void
}

let compiled: WebAssembly.Module | undefined

/** Compiled at the first use: a process without the scheduler's role does without. */
function coreModule(): WebAssembly.Module {
  compiled ??= new WebAssembly.Module(readFileSync(new URL('../../wasm/core.wasm', import.meta.url)))
  return compiled
}

/** Bytes of a record over so many hosts. */
export function recordBytes(hosts: number, conditions: number, weighers: number): number {
  const room = Math.ceil(hosts / 256) * 4
  const perBlock = 3 + 2 * weighers + 2 * conditions
  return (HEADER_WORDS + CONDITION_WORDS * conditions + WEIGHER_WORDS * weighers + room * perBlock) * 4
}

export function openCore(size: CoreSize): Core {
  const slots = size.hosts
  assert(slots >= 256 && Number.isInteger(Math.log2(slots)), 'a core holds 256 hosts times a power of two')
  const room = slots / 64
  const entryWords = 1 + size.loggedIntegers
  const logged = slots / 4
  const scratchBytes = recordBytes(slots, MAX_CONDITIONS, MAX_WEIGHERS)
  const keptBytes = recordBytes(slots, MAX_KEPT_CONDITIONS, MAX_KEPT_WEIGHERS)

  const memory = new WebAssembly.Memory({ initial: 1 })
  const core = new WebAssembly.Instance(coreModule(), { env: { memory } }).exports as unknown as Exports
  let end = Math.ceil(core.heap.value / 64) * 64
  const place = (bytes: number): number => {
    const at = end
    end += Math.ceil(bytes / 64) * 64
    return at
  }
  const integers = place(size.integers * slots * 4)
  const floats = place(size.floats * slots * 4)
  const ceilings = place(size.floats * room * 4)
  const depths = place(size.floats * room * 4)
  const doubles = place(size.doubles * slots * 8)
  const bitmaps = place((size.bitmaps * slots) / 8)
  const logAt = place(logged * entryWords * 4)
  const met = place(slots * 4)
  const stale = place(room * 8)
  const scratch = place(scratchBytes)
  const bytes = end
  const kept = place(KEPT_RECORDS * keptBytes)
  memory.grow(Math.ceil(end / PAGE_BYTES) - 1)
  core.bind(room, bitmaps, logAt, logged, entryWords * 4, met, stale)

  const words = new Int32Array(memory.buffer)
  const doublesOf = new Float64Array(memory.buffer)
  const rankAt = core.ranking.value / 4

  function record(index: number): CoreRecord {
    const address = index === KEPT_RECORDS ? scratch : kept + index * keptBytes
    const weigherAt = address / 4 + HEADER_WORDS
    let conditionCount = 0
    let weigherCount = 0
    let conditionAt = 0
    let left = 0
    let ranked = 0
    return {
      get left() {
        return left
      },
      get ranked() {
        return ranked
      },
      shape(conditions, weighers) {
        assert(conditions <= MAX_CONDITIONS, TOO_MANY_CONDITIONS)
        assert(weighers <= MAX_WEIGHERS, TOO_MANY_WEIGHERS)
        conditionCount = conditions
        weigherCount = weighers
        conditionAt = weigherAt + weighers * WEIGHER_WORDS
      },
      setCondition(at, operation, operand, amount) {
        const word = conditionAt + at * CONDITION_WORDS
        words[word] = operation
        words[word + 1] = operation >= AT_LEAST ? integers + operand * slots * 4 : bitmaps + (operand * slots) / 8
        words[word + 2] = Math.min(Math.max(amount, QUANTITY_MIN - 1), QUANTITY_MAX + 1)
        words[word + 6] = 4 + operand * 4
      },
      setWeigher(at, rounded, exact, real, ranged, floor, multiplier, roundedMultipliers, exactMultipliers) {
        const word = weigherAt + at * WEIGHER_WORDS
        words[word] = floats + rounded * slots * 4
        words[word + 1] = real ? doubles + exact * slots * 8 : integers + exact * slots * 4
        words[word + 2] = Number(real)
        words[word + 3] = Number(floor !== null)
        doublesOf[word / 2 + 2] = multiplier
        doublesOf[word / 2 + 3] = floor ?? 0
        words[word + 12] = roundedMultipliers < 0 ? 0 : floats + roundedMultipliers * slots * 4
        words[word + 13] = exactMultipliers < 0 ? 0 : doubles + exactMultipliers * slots * 8
        words[word + 14] = 4 + exact * 4
        words[word + 26] = ranged ? ceilings + rounded * room * 4 : 0
        words[word + 27] = ranged ? depths + rounded * room * 4 : 0
      },
      scan(count, keep) {
        assert(count >= 1 && count <= MAX_RANKED, TOO_MANY_RANKED)
        left = core.scan(address, conditionCount, weigherCount, count, keep)
        ranked = Math.min(left, count)
      },
      update(count, from, to) {
        assert(count >= 1 && count <= MAX_RANKED, TOO_MANY_RANKED)
        left = core.update(address, conditionCount, weigherCount, count, from | 0, to | 0)
        ranked = Math.min(left, count)
      },
      rejected: (condition) => words[conditionAt + condition * CONDITION_WORDS + 3] as number,
      nearest: (condition) => words[conditionAt + condition * CONDITION_WORDS + 4] as number,
      // A single host is not weighed.
      low: (weigher) => (left <= 1 ? 0 : (doublesOf[(weigherAt + weigher * WEIGHER_WORDS) / 2 + 4] as number)),
      high: (weigher) => (left <= 1 ? 0 : (doublesOf[(weigherAt + weigher * WEIGHER_WORDS) / 2 + 5] as number)),
      rankedSlot: (place) => words[rankAt + place * RANK_WORDS] as number,
      rankedWeight: (place) => doublesOf[(rankAt + place * RANK_WORDS) / 2 + 1] as number,
    }
  }

  return {
    ...size,
    bytes,
    logged,
    integerColumn: (index) => new Int32Array(memory.buffer, integers + index * slots * 4, slots),
    floatColumn: (index) => new Float32Array(memory.buffer, floats + index * slots * 4, slots),
    doubleColumn: (index) => new Float64Array(memory.buffer, doubles + index * slots * 8, slots),
    ceilings: (index) => new Float32Array(memory.buffer, ceilings + index * room * 4, room),
    depths: (index) => new Float32Array(memory.buffer, depths + index * room * 4, room),
    bitmap: (index) => new Uint32Array(memory.buffer, bitmaps + (index * slots) / 8, slots / 32),
    use: (used) => core.use(Math.ceil(used / 64)),
    log(number, slot, quantities) {
      let to = logAt / 4 + (number & (logged - 1)) * entryWords
      words[to++] = slot
      for (let at = 0; at < quantities.length; at++) words[to++] = quantities[at] as number
    },
    loggedSlot: (number) => words[logAt / 4 + (number & (logged - 1)) * entryWords] as number,
    record,
  }
}
