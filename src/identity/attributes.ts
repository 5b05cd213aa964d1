/** Attributes that clients keep with users and projects; they mean nothing to us. */
export type Attributes = Readonly<Record<string, string | number | boolean | null>>

/** Changes some: null removes, as Keystone does. */
export function changedAttributes(before: Attributes, changes: Attributes): Attributes {
  const after = { ...before, ...changes }
  return Object.fromEntries(Object.entries(after).filter(([, value]) => value !== null))
}
