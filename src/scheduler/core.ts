import { readFileSync } from 'node:fs'
import { assert } from '../kernel/index.ts'
import { MAX_RANKED } from './snapshot.ts'

/** What `wasm/assembly/core.ts` exports; the layout of what is written and read here stands in its `layout.ts`. */
interface Exports {
  bind(blocks: number, present: number, survivors: number, scores: number, peaks: number): void
  scan(conditions: number, weighers: number, count: number): number
  readonly conditions: WebAssembly.Global
  readonly weighers: WebAssembly.Global
  readonly ranking: WebAssembly.Global
  readonly heap: WebAssembly.Global
}

/** Operations of a condition. */
export const HAS = 0
export const HAS_NOT = 1
export const AT_LEAST = 2
export const AT_MOST = 3

/** The floor of a weigher that has none. */
export const UNBOUNDED = -(2 ** 31)

export const MAX_CONDITIONS = 64
export const MAX_WEIGHERS = 32

const CONDITION_WORDS = 6
const WEIGHER_WORDS = 6
const RANK_WORDS = 4
const PAGE_BYTES = 65_536

export interface CoreSize {
  /** A multiple of 128, so that every column and bitmap is whole blocks and aligned for the vector instructions. */
  readonly hosts: number
  readonly columns: number
  readonly bitmaps: number
}

/**
 * One instance of the WASM core: its memory, cut into columns (an i32 per host), bitmaps (a bit per host) and scratch.
 * Bitmap 0 is the slots that have a host.
 */
export interface Core extends CoreSize {
  readonly bytes: number
  column(index: number): Int32Array
  bitmap(index: number): Uint32Array
  /** Writes condition `at`: a bitmap index for HAS and HAS_NOT, a column index for AT_LEAST and AT_MOST. */
  setCondition(at: number, operation: number, operand: number, amount: number): void
  setWeigher(at: number, column: number, floor: number, multiplier: number): void
  /** Runs the first so many conditions and weighers; returns how many hosts are left. */
  scan(conditions: number, weighers: number, count: number): number
  /** Results of the last scan. */
  rejected(condition: number): number
  /** The value nearest to the amount among the rejected: of AT_LEAST, where it is at least 0, and AT_MOST. */
  nearest(condition: number): number
  low(weigher: number): number
  high(weigher: number): number
  rankedSlot(place: number): number
  rankedWeight(place: number): number
}

let compiled: WebAssembly.Module | undefined

/** Compiled at the first use: a process without the scheduler's role does without. */
function coreModule(): WebAssembly.Module {
  compiled ??= new WebAssembly.Module(readFileSync(new URL('../../wasm/core.wasm', import.meta.url)))
  return compiled
}

export function openCore(size: CoreSize): Core {
  assert(size.hosts > 0 && size.hosts % 128 === 0, 'a core holds a multiple of 128 hosts')
  const blocks = size.hosts / 64
  const columnBytes = size.hosts * 4
  const bitmapBytes = size.hosts / 8
  const scratchBytes = bitmapBytes + columnBytes + Math.ceil(blocks / 4) * 16

  const memory = new WebAssembly.Memory({ initial: 1 })
  const core = new WebAssembly.Instance(coreModule(), { env: { memory } }).exports as unknown as Exports
  const columns = Math.ceil(core.heap.value / 16) * 16
  const bitmaps = columns + size.columns * columnBytes
  const survivors = bitmaps + size.bitmaps * bitmapBytes
  const bytes = survivors + scratchBytes
  memory.grow(Math.ceil(bytes / PAGE_BYTES) - 1)
  core.bind(blocks, bitmaps, survivors, survivors + bitmapBytes, survivors + bitmapBytes + columnBytes)

  const words = new Int32Array(memory.buffer)
  const doubles = new Float64Array(memory.buffer)
  const conditionAt = core.conditions.value / 4
  const weigherAt = core.weighers.value / 4
  const rankAt = core.ranking.value / 4

  return {
    ...size,
    bytes,
    column: (index) => new Int32Array(memory.buffer, columns + index * columnBytes, size.hosts),
    bitmap: (index) => new Uint32Array(memory.buffer, bitmaps + index * bitmapBytes, size.hosts / 32),
    setCondition(at, operation, operand, amount) {
      const word = conditionAt + at * CONDITION_WORDS
      words[word] = operation
      words[word + 1] = operation >= AT_LEAST ? columns + operand * columnBytes : bitmaps + operand * bitmapBytes
      words[word + 2] = amount
    },
    setWeigher(at, column, floor, multiplier) {
      const word = weigherAt + at * WEIGHER_WORDS
      words[word] = columns + column * columnBytes
      words[word + 1] = floor
      doubles[word / 2 + 2] = multiplier
    },
    scan(conditions, weighers, count) {
      assert(conditions <= MAX_CONDITIONS, `a scan asks at most ${MAX_CONDITIONS} conditions`)
      assert(weighers <= MAX_WEIGHERS, `a scan weighs by at most ${MAX_WEIGHERS} weighers`)
      assert(count >= 1 && count <= MAX_RANKED, `a scan ranks 1 to ${MAX_RANKED} hosts`)
      return core.scan(conditions, weighers, count)
    },
    rejected: (condition) => words[conditionAt + condition * CONDITION_WORDS + 3] as number,
    nearest: (condition) => words[conditionAt + condition * CONDITION_WORDS + 4] as number,
    low: (weigher) => words[weigherAt + weigher * WEIGHER_WORDS + 2] as number,
    high: (weigher) => words[weigherAt + weigher * WEIGHER_WORDS + 3] as number,
    rankedSlot: (place) => words[rankAt + place * RANK_WORDS] as number,
    rankedWeight: (place) => doubles[(rankAt + place * RANK_WORDS) / 2 + 1] as number,
  }
}
