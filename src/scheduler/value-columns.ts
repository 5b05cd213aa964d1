import { assert } from '../kernel/index.ts'
import type { ChangeLog } from './change-log.ts'
import type { Core } from './core.ts'
import type { Host } from './host.ts'

/** Numbers that follow from a host as no quantity does, in columns of f64 and, rounded, of f32. */
export interface ValueColumns {
  /**
   * The number of the columns with this key, brought up to date.
   * @returns undefined where there is no room and more can be had
   */
  indexOf(key: string, of: (host: Host) => number): number | undefined
}

/** More than one pass can ask for: twice its weighers. */
export const MAX_VALUES = 64

interface Column {
  readonly index: number
  readonly rounded: Float32Array
  readonly exact: Float64Array
  /** Changes before this one are in the column. */
  seen: number
  /** When it was asked for last, counted in askings. */
  asked: number
}

/** The columns that were not asked for longest make room for new ones. */
export function createValueColumns(
  core: Core,
  firstFloat: number,
  hosts: readonly (Host | undefined)[],
  log: ChangeLog,
): ValueColumns {
  const columns = new Map<string, Column>()
  let askings = 0

  function allot(key: string): Column | undefined {
    const index = columns.size < core.doubles ? columns.size : core.doubles < MAX_VALUES ? undefined : evict()
    if (index === undefined) return undefined
    const column = {
      index,
      rounded: core.floatColumn(firstFloat + index),
      exact: core.doubleColumn(index),
      seen: Number.NEGATIVE_INFINITY,
      asked: 0,
    }
    columns.set(key, column)
    return column
  }

  function evict(): number {
    let oldest: [string, Column] | undefined
    for (const each of columns) if (!oldest || each[1].asked < oldest[1].asked) oldest = each
    assert(oldest, 'there is a column to make room')
    columns.delete(oldest[0])
    return oldest[1].index
  }

  return {
    indexOf(key, of) {
      const column = columns.get(key) ?? allot(key)
      if (!column) return undefined
      const write = (host: Host | undefined): void => {
        if (!host) return
        const value = of(host)
        column.exact[host.slot] = value
        column.rounded[host.slot] = value
      }
      column.asked = ++askings
      if (column.seen < log.first) for (const host of hosts) write(host)
      else for (let at = column.seen; at < log.count; at++) write(hosts[log.slot(at)])
      column.seen = log.count
      return column.index
    },
  }
}
