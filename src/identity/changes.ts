/** `before` with the changes that are set: a key that is there but undefined changes nothing. */
export function changed<T extends object>(before: T, changes: { readonly [K in keyof T]?: T[K] | undefined }): T {
  const set = Object.entries(changes).filter(([, value]) => value !== undefined)
  return { ...before, ...Object.fromEntries(set) }
}
