import { expect, test } from 'bun:test'
import { createSharedReads } from './shared-reads.ts'

/** Reads that end when they are told to. */
function heldReads() {
  const held: PromiseWithResolvers<number>[] = []
  const read = (): Promise<number> => {
    const next = Promise.withResolvers<number>()
    held.push(next)
    return next.promise
  }
  return { held, read }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('who asks while a read is under way shares the next one with others, and does not get the old answer', async () => {
  const share = createSharedReads()
  const { held, read } = heldReads()
  const first = share('flavors', read)
  await turn()
  const later = [share('flavors', read), share('flavors', read)]
  await turn()
  expect(held).toHaveLength(1)
  held[0]!.resolve(1)
  expect(await first).toBe(1)
  await turn()
  expect(held).toHaveLength(2)
  held[1]!.resolve(2)
  expect(await Promise.all(later)).toEqual([2, 2])
})

test('different questions do not wait for each other', async () => {
  const share = createSharedReads()
  const { held, read } = heldReads()
  void share('one', read)
  const other = share('other', read)
  await turn()
  held[1]!.resolve(7)
  expect(await other).toBe(7)
})

test('a read that fails fails for those who share it, and the next one is made', async () => {
  const share = createSharedReads()
  const { held, read } = heldReads()
  const first = share('flavors', read)
  await turn()
  const second = share('flavors', read)
  held[0]!.reject(new Error('away'))
  expect(first).rejects.toThrow('away')
  await first.catch(() => {})
  await turn()
  held[1]!.resolve(3)
  expect(await second).toBe(3)
})
