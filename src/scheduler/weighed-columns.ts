import type { Core } from './core.ts'
import { type Quantity, QUANTITY_COLUMNS } from './host.ts'

/** The columns of f32 that weighers read: a quantity, not below a floor. One is made when a weigher first asks for it. */
export interface WeighedColumns {
  /** Its index in the core; undefined where there is no room: then all has to be entered anew into a larger core. */
  indexOf(quantity: Quantity, floor: number | null): number | undefined
  /** Brings those of a host up to its quantities. */
  write(slot: number, values: readonly number[]): void
}

interface Column {
  readonly of: number
  readonly floor: number | null
  readonly index: number
  readonly values: Float32Array
  /** For each block of 64 hosts: no value is more, or less. */
  readonly ceilings: Float32Array
  readonly depths: Float32Array
}

export function createWeighedColumns(core: Core, room: number): WeighedColumns {
  const columns: Column[] = []

  return {
    indexOf(quantity, floor) {
      const of = QUANTITY_COLUMNS[quantity]
      for (let at = 0; at < columns.length; at++) {
        const column = columns[at] as Column
        if (column.of === of && column.floor === floor) return column.index
      }
      if (columns.length === room) return undefined
      const index = columns.length
      const values = core.floatColumn(index)
      const column = { of, floor, index, values, ceilings: core.ceilings(index), depths: core.depths(index) }
      columns.push(column)
      const exact = core.integerColumn(of)
      for (let slot = 0; slot < exact.length; slot++) writeTo(column, slot, exact[slot] as number)
      return column.index
    },
    write(slot, values) {
      for (let at = 0; at < columns.length; at++) {
        const column = columns[at] as Column
        writeTo(column, slot, values[column.of] as number)
      }
    },
  }
}

function writeTo({ floor, values, ceilings, depths }: Column, slot: number, value: number): void {
  values[slot] = floor !== null && value < floor ? floor : value
  const rounded = values[slot] as number
  const block = slot >>> 6
  if (rounded > (ceilings[block] as number)) ceilings[block] = rounded
  if (rounded < (depths[block] as number)) depths[block] = rounded
}
