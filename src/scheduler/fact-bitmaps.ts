import { assert } from '../kernel/index.ts'
import { clearBit, setBit } from './bits.ts'
import type { Core } from './core.ts'
import type { Fact } from './host.ts'

/** For each fact that is true of a host, the bitmap of the hosts it is true of. */
export interface FactBitmaps {
  /** The bitmap's index in the core; undefined for a fact that is true of no host. */
  indexOf(fact: Fact): number | undefined
  /** How often any fact got another bitmap, or lost it. */
  readonly moves: number
  /**
   * Brings a host from the facts it had to those it has. Answers false, with the change half made, when a new fact
   * finds no free bitmap: then all has to be entered anew into a larger core.
   */
  change(slot: number, had: readonly Fact[], has: readonly Fact[]): boolean
}

interface FactBitmap {
  readonly index: number
  readonly bits: Uint32Array
  hosts: number
}

/** Uses the bitmaps of the core from `first` on, all of them empty. */
export function createFactBitmaps(core: Core, first: number): FactBitmaps {
  const bitmaps = new Map<Fact, FactBitmap>()
  let moves = 0
  const free = Array.from({ length: core.bitmaps - first }, (_, index) => core.bitmaps - 1 - index)

  function allot(fact: Fact): FactBitmap | undefined {
    const index = free.pop()
    if (index === undefined) return undefined
    moves++
    const bitmap = { index, bits: core.bitmap(index), hosts: 0 }
    bitmaps.set(fact, bitmap)
    return bitmap
  }

  function add(fact: Fact, slot: number): boolean {
    const bitmap = bitmaps.get(fact) ?? allot(fact)
    if (!bitmap) return false
    bitmap.hosts++
    setBit(bitmap.bits, slot)
    return true
  }

  function drop(fact: Fact, slot: number): void {
    const bitmap = bitmaps.get(fact)
    assert(bitmap, 'a fact that is true of a host has a bitmap')
    bitmap.hosts--
    clearBit(bitmap.bits, slot)
    if (bitmap.hosts > 0) return
    moves++
    bitmaps.delete(fact)
    free.push(bitmap.index)
  }

  return {
    get moves() {
      return moves
    },
    indexOf: (fact) => bitmaps.get(fact)?.index,
    change(slot, had, has) {
      for (const fact of had) if (!has.includes(fact)) drop(fact, slot)
      return has.every((fact) => had.includes(fact) || add(fact, slot))
    },
  }
}
