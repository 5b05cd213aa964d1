/**
 * States what must hold at this point. Assertions stay on in production: a broken invariant stops the one operation
 * it was found in, before it writes.
 */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`)
}
