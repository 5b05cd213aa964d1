/** A bounded map that keeps what was used lately: two generations, the older dropped when the younger is full. */
export interface RecentCache<V> {
  get(key: string): V | undefined
  set(key: string, value: V): void
  clear(): void
}

/** @param generationSize Entries per generation; at most twice as many are kept. */
export function createRecentCache<V>(generationSize: number): RecentCache<V> {
  let young = new Map<string, V>()
  let old = new Map<string, V>()

  function set(key: string, value: V): void {
    if (young.size >= generationSize) {
      old = young
      young = new Map()
    }
    young.set(key, value)
  }

  return {
    get(key) {
      const recent = young.get(key)
      if (recent !== undefined) return recent
      const earlier = old.get(key)
      if (earlier !== undefined) set(key, earlier)
      return earlier
    },
    set,
    clear() {
      young = new Map()
      old = new Map()
    },
  }
}
