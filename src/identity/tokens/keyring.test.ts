import { describe, expect, test } from 'bun:test'
import { KEY_ACTIVATION_S, KEY_LIFETIME_S, planRotation, sealingKey, type StoredKey } from './keyring.ts'

const key = (id: string, age_s: number): StoredKey => ({ id, age_s, secret: new Uint8Array(32) })
const keep_s = 3600

describe('the sealing key', () => {
  test('is the newest that every process has had time to read', () => {
    const keys = [key('old', 90_000), key('known', KEY_ACTIVATION_S), key('fresh', KEY_ACTIVATION_S - 1)]
    expect(sealingKey(keys).id).toBe('known')
  })

  test('is the first one on a new cloud, also right after a rotation', () => {
    expect(sealingKey([key('first', 0)]).id).toBe('first')
    expect(sealingKey([key('second', 1), key('first', 5)]).id).toBe('first')
  })
})

describe('rotation', () => {
  test('makes the first key', () => {
    expect(planRotation([], { keep_s })).toEqual({ create: true, drop: [] })
  })

  test('makes a key when the newest has had its time, or when told to', () => {
    expect(planRotation([key('a', KEY_LIFETIME_S - 1)], { keep_s }).create).toBe(false)
    expect(planRotation([key('a', KEY_LIFETIME_S)], { keep_s }).create).toBe(true)
    expect(planRotation([key('a', 10)], { keep_s, force: true }).create).toBe(true)
  })

  test('keeps a key as long as tokens sealed with it may live', () => {
    const successor = (age_s: number) => planRotation([key('old', 900_000), key('new', age_s)], { keep_s }).drop
    expect(successor(KEY_ACTIVATION_S + keep_s - 1)).toEqual([])
    expect(successor(KEY_ACTIVATION_S + keep_s)).toEqual(['old'])
  })

  test('never drops the newest', () => {
    expect(planRotation([key('only', 10 * KEY_LIFETIME_S)], { keep_s }).drop).toEqual([])
  })
})
