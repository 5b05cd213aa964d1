/** What leaves next: a binary heap by time, so that millions of servers can be under way. */
export interface Departures<T> {
  add(at_s: number, item: T): void
  /** The earliest of those that are due by `at_s`, with its time; undefined for none. */
  next(at_s: number): { readonly at_s: number; readonly item: T } | undefined
}

export function createDepartures<T>(): Departures<T> {
  const heap: { at_s: number; item: T }[] = []

  function swap(one: number, other: number): void {
    const moved = heap[one]!
    heap[one] = heap[other]!
    heap[other] = moved
  }

  function sink(from: number): void {
    for (let at = from; ; ) {
      const [left, right] = [2 * at + 1, 2 * at + 2]
      let least = at
      if (left < heap.length && heap[left]!.at_s < heap[least]!.at_s) least = left
      if (right < heap.length && heap[right]!.at_s < heap[least]!.at_s) least = right
      if (least === at) return
      swap(at, least)
      at = least
    }
  }

  return {
    add(at_s, item) {
      heap.push({ at_s, item })
      for (let at = heap.length - 1; at > 0; ) {
        const parent = (at - 1) >> 1
        if (heap[parent]!.at_s <= heap[at]!.at_s) return
        swap(at, parent)
        at = parent
      }
    },
    next(at_s) {
      const [first] = heap
      if (!first || first.at_s > at_s) return undefined
      const last = heap.pop()!
      if (heap.length > 0) {
        heap[0] = last
        sink(0)
      }
      return first
    },
  }
}
