/** First in, first out, without moving what is behind when the first leaves. */
export interface Queue<T> {
  readonly length: number
  push(item: T): void
  shift(): T | undefined
}

/** Emptied slots tolerated before the array is made short again. */
const COMPACT_AFTER = 1_024

export function queue<T>(): Queue<T> {
  let items: (T | undefined)[] = []
  let first = 0
  return {
    get length() {
      return items.length - first
    },
    push(item) {
      items.push(item)
    },
    shift() {
      if (first === items.length) return undefined
      const item = items[first]
      items[first++] = undefined
      if (first === items.length) {
        items = []
        first = 0
      } else if (first >= COMPACT_AFTER && first * 2 >= items.length) {
        items = items.slice(first)
        first = 0
      }
      return item
    },
  }
}
