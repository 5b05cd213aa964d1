import { findNearest } from './filter'
import {
  AT_LEAST,
  AT_MOST,
  BLOCK,
  CONDITION_BYTES,
  entryBytes,
  HAS,
  HAS_NOT,
  log,
  logMask,
  met,
  present,
  room,
  stale,
  staleList,
  WEIGHER_BYTES,
} from './layout'
import { measureAgain } from './measure'
import { conditions, conditionsEnd, failed, highs, lows, peaks, record, survivors, survivorsOf, weighers, weighersEnd } from './record'
import { past, pastEnd, peakOf, recall } from './score'

/** What of a block is stale: a bit for each weigher whose range it is; this one for the peak. */
const PEAK: i32 = 1 << 31

let staleCount: i32 = 0
/** Whether `peaks` are kept up to date. */
let scored: bool = false
/** The number of this replay, for `met`. */
let replays: i32 = 0

/**
 * Brings a record up to date by the changes from number `from` up to `to` in the log. A host is looked at once, however
 * often it changed: the first entry says what the record knows of it, and the columns what is so now.
 *
 * A block's range or peak that a host may have held before is computed anew, once all hosts are where they belong; one
 * that a host exceeds is raised. So what is kept is at any time what a scan would find.
 */
export function replay(from: i32, to: i32): void {
  replays++
  staleCount = 0
  scored = load<i32>(record, 4) != 0
  recall()
  for (let number = from; number != to; number++) {
    const entry = log + <usize>(number & logMask) * entryBytes
    const slot = load<i32>(entry)
    const seen = met + (<usize>slot << 2)
    if (load<i32>(seen) == replays) continue
    store<i32>(seen, replays)
    follow(entry, slot)
  }
  for (let nth: i32 = 0; nth < staleCount; nth++) refresh(load<i32>(staleList + (<usize>nth << 2)))
  let fails = failed
  for (let at = conditions; at < conditionsEnd; at += CONDITION_BYTES, fails += <usize>room << 3) {
    if (load<i32>(at) >= AT_LEAST && load<i32>(at, 12) > 0 && load<i32>(at, 20) <= 0) findNearest(at, fails)
  }
}

/** Moves a host from where it was to where it is. */
function follow(entry: usize, slot: i32): void {
  const block = slot >> 6
  const word = <usize>block << 3
  const bit = <u64>1 << <u64>(slot & 63)
  const here = (load<u64>(present + word) & bit) != 0
  const at = here ? firstFailed(slot, word, bit) : 0
  const survives = here && at == 0
  const alive = load<u64>(survivors + word)
  if ((alive & bit) != 0) {
    if (survives) return stay(entry, slot, block)
    leave(entry, block)
    store<u64>(survivors + word, alive & ~bit)
    store<i32>(record, load<i32>(record) - 1)
  } else {
    leaveFailed(entry, word, bit)
    if (survives) {
      store<u64>(survivors + word, alive | bit)
      store<i32>(record, load<i32>(record) + 1)
      return enter(slot, block)
    }
  }
  if (at == 0) return
  const fails = failed + (<usize>(at - conditions) / CONDITION_BYTES) * (<usize>room << 3) + word
  store<u64>(fails, load<u64>(fails) | bit)
  enterFailed(at, slot)
}

/** The first condition that a host fails; 0 for none. */
function firstFailed(slot: i32, word: usize, bit: u64): usize {
  for (let at = conditions; at < conditionsEnd; at += CONDITION_BYTES) {
    const operation = load<i32>(at)
    const operand = <usize>load<u32>(at, 4)
    if (operation == HAS) {
      if ((load<u64>(operand + word) & bit) == 0) return at
    } else if (operation == HAS_NOT) {
      if ((load<u64>(operand + word) & bit) != 0) return at
    } else {
      const value = load<i32>(operand + (<usize>slot << 2))
      if (operation == AT_LEAST ? value < load<i32>(at, 8) : value > load<i32>(at, 8)) return at
    }
  }
  return 0
}

/** Takes a host from the condition that it failed, if it was there at all. */
function leaveFailed(entry: usize, word: usize, bit: u64): void {
  let fails = failed + word
  for (let at = conditions; at < conditionsEnd; at += CONDITION_BYTES, fails += <usize>room << 3) {
    const bits = load<u64>(fails)
    if ((bits & bit) == 0) continue
    store<u64>(fails, bits & ~bit)
    store<i32>(at, load<i32>(at, 12) - 1, 12)
    const operation = load<i32>(at)
    if (operation < AT_LEAST) return
    const logged = load<i32>(entry + load<u32>(at, 24))
    const value = operation == AT_LEAST ? max(logged, 0) : logged
    if (value == load<i32>(at, 16)) store<i32>(at, load<i32>(at, 20) - 1, 20)
    return
  }
}

function enterFailed(at: usize, slot: i32): void {
  const others = load<i32>(at, 12)
  store<i32>(at, others + 1, 12)
  const operation = load<i32>(at)
  if (operation < AT_LEAST) return
  const value = load<i32>(<usize>load<u32>(at, 4) + (<usize>slot << 2))
  const nearest = load<i32>(at, 16)
  const near = operation == AT_LEAST ? max(value, 0) : value
  if (others > 0 && near == nearest) store<i32>(at, load<i32>(at, 20) + 1, 20)
  else if (others == 0 || (operation == AT_MOST ? near < nearest : near > nearest)) {
    store<i32>(at, near, 16)
    store<i32>(at, 1, 20)
  }
}

/** A survivor is none any more: what of its block it may have held is stale. */
function leave(entry: usize, block: i32): void {
  let held: i32 = 0
  let bit: i32 = 1
  let score: f32 = 0
  let column = highs + (<usize>block << 2)
  for (let at = weighers; at < weighersEnd; at += WEIGHER_BYTES, bit <<= 1, column += <usize>room << 2) {
    const value = loggedValue(at, entry)
    if (holds(at, column, value)) held |= bit
    score += termOf(at, value)
  }
  if (scored && score >= load<f32>(peaks + (<usize>block << 2))) held |= PEAK
  if (held != 0) spoil(block, held)
}

/** A host is among the survivors with the values that it has now. */
function enter(slot: i32, block: i32): void {
  let score: f32 = 0
  let column = highs + (<usize>block << 2)
  for (let at = weighers; at < weighersEnd; at += WEIGHER_BYTES, column += <usize>room << 2) {
    const value = valueNow(at, slot)
    raise(at, column, value)
    score += termOf(at, value)
  }
  if (scored) raisePeak(block, score)
}

/** A survivor remains one: both in one go, for this is what happens most. */
function stay(entry: usize, slot: i32, block: i32): void {
  let held: i32 = 0
  let bit: i32 = 1
  let before: f32 = 0
  let after: f32 = 0
  let column = highs + (<usize>block << 2)
  for (let at = weighers; at < weighersEnd; at += WEIGHER_BYTES, bit <<= 1, column += <usize>room << 2) {
    const value = loggedValue(at, entry)
    const now = valueNow(at, slot)
    if (now != value) {
      if (holds(at, column, value)) held |= bit
      raise(at, column, now)
    }
    before += termOf(at, value)
    after += termOf(at, now)
  }
  if (scored && after != before) {
    if (before >= load<f32>(peaks + (<usize>block << 2))) held |= PEAK
    raisePeak(block, after)
  }
  if (held != 0) spoil(block, held)
}

// @ts-ignore: decorator
@inline
function loggedValue(at: usize, entry: usize): f32 {
  return max(<f32>load<i32>(entry + load<u32>(at, 56)), load<f32>(at, 96))
}

// @ts-ignore: decorator
@inline
function valueNow(at: usize, slot: i32): f32 {
  return load<f32>(<usize>load<u32>(at) + (<usize>slot << 2))
}

/** The term of a score in `peaks`: rounding for rounding as when a block is scored. */
// @ts-ignore: decorator
@inline
function termOf(at: usize, value: f32): f32 {
  return load<f32>(at, 88) * (value - load<f32>(at, 92))
}

/** Whether an end of the block's range may be this value. */
// @ts-ignore: decorator
@inline
function holds(at: usize, column: usize, value: f32): bool {
  return value >= load<f32>(column) || (load<i32>(at, 12) == 0 && value <= load<f32>(column + (lows - highs)))
}

// @ts-ignore: decorator
@inline
function raise(at: usize, column: usize, value: f32): void {
  if (value > load<f32>(column)) {
    store<f32>(column, value)
    if (value >= load<f32>(at, 64)) store<i32>(at, 1, 60)
  }
  if (load<i32>(at, 12) != 0) return
  const low = column + (lows - highs)
  if (value >= load<f32>(low)) return
  store<f32>(low, value)
  if (value <= load<f32>(at, 68)) store<i32>(at, 1, 60)
}

// @ts-ignore: decorator
@inline
function raisePeak(block: i32, score: f32): void {
  const peak = peaks + (<usize>block << 2)
  if (score > load<f32>(peak)) store<f32>(peak, score)
}

function spoil(block: i32, held: i32): void {
  const at = stale + (<usize>block << 2)
  const before = load<i32>(at)
  if (before == 0) {
    store<i32>(staleList + (<usize>staleCount << 2), block)
    staleCount++
  }
  store<i32>(at, before | held)
}

/** Computes anew what of a block is stale. */
function refresh(block: i32): void {
  const at = stale + (<usize>block << 2)
  const held = load<i32>(at)
  store<i32>(at, 0)
  let nth: i32 = 0
  for (let weigher = weighers; weigher < weighersEnd; weigher += WEIGHER_BYTES, nth++) {
    if ((held & (1 << nth)) == 0) continue
    const column = <usize>(nth * room + block) << 2
    if (load<f32>(highs + column) >= load<f32>(weigher, 64)) store<i32>(weigher, 1, 60)
    if (load<i32>(weigher, 12) == 0 && load<f32>(lows + column) <= load<f32>(weigher, 68)) store<i32>(weigher, 1, 60)
    measureAgain(weigher, nth, block)
  }
  if (held & PEAK) {
    const peak = survivorsOf(block) == 0 ? <f32>-Infinity : peakOf(past, pastEnd, block)
    store<f32>(peaks + (<usize>block << 2), peak)
  }
}
