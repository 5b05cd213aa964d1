import { expect, test } from 'bun:test'
import { manualClock } from '../../test/support/manual-clock.ts'
import { Problem } from '../kernel/index.ts'
import { BusTimeout, BusUnavailable, type Json } from '../platform/bus/index.ts'
import { ask } from './ask.ts'

/** A bus whose calls end as told, each after the time it was given; the last way of ending stays. */
function asking(deadline_s: number, ...endings: (() => Json)[]) {
  const clock = manualClock()
  const waits: number[] = []
  const timed = { ...clock, sleep: (ms: number) => clock.advance(ms) }
  const bus = {
    async call(_topic: string, _request: Json, options: { deadline_s: number }): Promise<Json> {
      waits.push(options.deadline_s)
      const end = endings.length > 1 ? endings.shift()! : endings[0]!
      if (end === silence) await clock.advance(options.deadline_s * 1000)
      return end()
    },
  }
  return { waits, answer: ask(bus, 'topic', {}, { deadline_s, clock: timed, silence: 'Nobody answered.' }) }
}

const silence = (): never => {
  throw new BusTimeout('silence')
}
const away = (): never => {
  throw new BusUnavailable('away')
}

test('a request or an answer that was lost is asked for again, after twice the time', async () => {
  const { answer, waits } = asking(60, silence, silence, () => 'here')
  expect(await answer).toBe('here')
  expect(waits).toEqual([5, 10, 20])
})

test('a bus that is away is waited for', async () => {
  const { answer } = asking(60, away, away, away, () => 'here')
  expect(await answer).toBe('here')
})

test.each([
  ['silence', silence],
  ['a bus that stays away', away],
] as const)('%s ends at the deadline', async (_what, end) => {
  await expect(asking(60, end).answer).rejects.toMatchObject({ kind: 'unavailable', message: 'Nobody answered.' })
})

test('what the other side says is not asked for twice', async () => {
  const { answer, waits } = asking(60, () => {
    throw new Problem('unavailable', 'The host is going out of service.')
  })
  await expect(answer).rejects.toThrow('The host is going out of service.')
  expect(waits).toEqual([5])
})
