/**
 * Picks by name, in the order of the names. A dotted Python path stands for its last part, so that an operator's
 * `nova.scheduler.filters.ram_filter.RamFilter` keeps working.
 * @throws {Error} naming the option, the name that fits nothing, and those that would.
 */
export function selectByName<T extends { readonly name: string }>(
  known: readonly T[],
  names: readonly string[],
  option: string,
): readonly T[] {
  const byName = new Map(known.map((item) => [item.name, item]))
  return [...new Set(names.map((name) => name.slice(name.lastIndexOf('.') + 1)))].map((name) => {
    const item = byName.get(name)
    if (!item) throw new Error(`${option}: there is no ${name}; known are ${[...byName.keys()].join(', ')}`)
    return item
  })
}
