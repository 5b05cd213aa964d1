import { type ChangeLog, createChangeLog } from './change-log.ts'
import { type Core, type CoreSize, openCore } from './core.ts'
import { createFactBitmaps, type FactBitmaps } from './fact-bitmaps.ts'
import { type Host, QUANTITIES } from './host.ts'
import { createMatchBitmaps, type MatchBitmaps } from './match-bitmaps.ts'
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

/** Room at the start; it doubles when it is used up. */
export const FIRST_SIZE: CoreSize = { hosts: 256, integers: QUANTITIES.length, floats: 4, doubles: 0, bitmaps: 96 }

/** A core with what its parts are used for. */
export interface Memory {
  readonly core: Core
  readonly quantities: readonly Int32Array[]
  readonly present: Uint32Array
  readonly named: readonly Uint32Array[]
  readonly log: ChangeLog
  readonly facts: FactBitmaps
  readonly matches: MatchBitmaps
  readonly weighed: WeighedColumns
  /** No slot from here on has ever had a host. */
  slots: number
}

export function openMemory(size: CoreSize, hosts: readonly (Host | undefined)[]): Memory {
  const core = openCore(size)
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
    weighed: createWeighedColumns(core),
    slots: 0,
  }
}
