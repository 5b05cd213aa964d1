import { type ChangeLog, createChangeLog } from './change-log.ts'
import { type Core, openCore } from './core.ts'
import { createFactBitmaps, type FactBitmaps } from './fact-bitmaps.ts'
import { type Host, QUANTITIES } from './host.ts'
import { createMatchBitmaps, type MatchBitmaps } from './match-bitmaps.ts'
import { createValueColumns, type ValueColumns } from './value-columns.ts'
import { createWeighedColumns, type WeighedColumns } from './weighed-columns.ts'

/** Bitmaps with a fixed place; those of facts follow. */
const PRESENT = 0
/** No host at all: stands for a fact that is true of none. */
export const EMPTY = 1
/** Scratch for the hosts a request names, one bitmap for each such condition. */
export const NAMED = 2
export const MAX_NAMED = 8
/** Predicates, those asked most recently: more than any one request has. */
export const MATCHED = NAMED + MAX_NAMED
const MAX_MATCHED = 64
const FIRST_FACT = MATCHED + MAX_MATCHED

/** Scratch for values of hosts that a request names. */
export const MAX_NAMED_VALUES = 4

export interface MemorySize {
  readonly hosts: number
  readonly bitmaps: number
  /** Quantities that are weighed, each with a floor or without. */
  readonly weighed: number
  readonly values: number
}

/** Room at the start; it grows when it is used up. */
export const FIRST_SIZE: MemorySize = { hosts: 256, bitmaps: 96, weighed: 4, values: 0 }

/** A core with what its parts are used for. */
export interface Memory {
  readonly core: Core
  readonly quantities: readonly Int32Array[]
  readonly present: Uint32Array
  readonly named: readonly Uint32Array[]
  readonly log: ChangeLog
  readonly facts: FactBitmaps
  readonly matches: MatchBitmaps
  readonly size: MemorySize
  readonly weighed: WeighedColumns
  readonly values: ValueColumns
  /** The first column of f32 that `values` has, and those for named hosts. */
  readonly firstValue: number
  readonly namedValues: readonly NamedValues[]
  /** No slot from here on has ever had a host. */
  slots: number
}

interface NamedValues {
  readonly integer: number
  readonly float: number
  readonly exact: Int32Array
  readonly rounded: Float32Array
}

export function openMemory(size: MemorySize, hosts: readonly (Host | undefined)[]): Memory {
  const core = openCore({
    hosts: size.hosts,
    bitmaps: size.bitmaps,
    integers: QUANTITIES.length + MAX_NAMED_VALUES,
    loggedIntegers: QUANTITIES.length,
    floats: size.weighed + size.values + MAX_NAMED_VALUES,
    doubles: size.values,
  })
  const log = createChangeLog(core)
  return {
    core,
    quantities: QUANTITIES.map((_, index) => core.integerColumn(index)),
    present: core.bitmap(PRESENT),
    named: Array.from({ length: MAX_NAMED }, (_, index) => core.bitmap(NAMED + index)),
    log,
    facts: createFactBitmaps(core, FIRST_FACT),
    matches: createMatchBitmaps(
      Array.from({ length: MAX_MATCHED }, (_, index) => core.bitmap(MATCHED + index)),
      hosts,
      log,
    ),
    size,
    weighed: createWeighedColumns(core, size.weighed),
    values: createValueColumns(core, size.weighed, hosts, log),
    firstValue: size.weighed,
    namedValues: Array.from({ length: MAX_NAMED_VALUES }, (_, nth) => {
      const [integer, float] = [QUANTITIES.length + nth, size.weighed + size.values + nth]
      return { integer, float, exact: core.integerColumn(integer), rounded: core.floatColumn(float) }
    }),
    slots: 0,
  }
}
