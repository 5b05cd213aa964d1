import { assert } from '../../kernel/index.ts'
import type { SealingKey } from './seal.ts'

export interface StoredKey extends SealingKey {
  /** Since it was made, by the clock of the database. */
  readonly age_s: number
}

/** A new key opens at once and seals only at this age: by then each process has polled the keys. */
export const KEY_ACTIVATION_S = 60
/** A key seals for this long, then a new one takes over. AES-GCM with random nonces allows 2^32 tokens per key. */
export const KEY_LIFETIME_S = 7 * 24 * 3600

/** The key to seal with: the newest that is old enough for all to know it, else the oldest there is. */
export function sealingKey(keys: readonly StoredKey[]): SealingKey {
  const known = keys.filter((key) => key.age_s >= KEY_ACTIVATION_S)
  const chosen = known.length > 0 ? byAge(known)[0] : byAge(keys).at(-1)
  assert(chosen, 'a keyring has a key')
  return chosen
}

/**
 * What rotation has to do now: make a key when the newest has had its time (or `force`), and drop the keys whose last
 * tokens have expired, `keep_s` after a younger key took over.
 */
export function planRotation(
  keys: readonly StoredKey[],
  options: { keep_s: number; force?: boolean },
): { create: boolean; drop: string[] } {
  const youngestFirst = byAge(keys)
  const newest = youngestFirst[0]
  const create = newest === undefined || options.force === true || newest.age_s >= KEY_LIFETIME_S
  const drop = youngestFirst.slice(1).filter((_, index) => {
    const successor = youngestFirst[index]
    return successor !== undefined && successor.age_s >= KEY_ACTIVATION_S + options.keep_s
  })
  return { create, drop: drop.map((key) => key.id) }
}

function byAge(keys: readonly StoredKey[]): StoredKey[] {
  return [...keys].sort((a, b) => a.age_s - b.age_s)
}
