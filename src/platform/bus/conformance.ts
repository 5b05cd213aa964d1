import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { eventually } from '../../../test/support/eventually.ts'
import { badRequest, Problem } from '../../kernel/index.ts'
import { type Bus, BusTimeout, type Json, MAX_DELIVERIES } from './bus.ts'

/** Where a binding differs in how fast it can be. */
export interface ConformanceOptions {
  /** A second member of the same bus, for Redis in a process of its own; the same bus in memory. */
  readonly open: () => Promise<Bus>
}

/** What every binding of the bus promises; `bus.test.ts` runs it on each. */
export function busConformance(name: string, { open }: ConformanceOptions): void {
  describe(`the ${name} bus`, () => {
    let bus: Bus
    let topic: string
    const group = 'workers'

    beforeEach(async () => {
      bus = await open()
      topic = `topic-${crypto.randomUUID()}`
    })
    afterEach(() => bus.close())

    /** Collects what arrives. */
    function collect(options: { group?: string; concurrency?: number } = {}): Json[] {
      const got: Json[] = []
      bus.consume(topic, { group, concurrency: 1, ...options }, async (message) => void got.push(message))
      return got
    }

    test('delivers a message to one member of each group', async () => {
      const [first, second, other] = [collect(), collect(), collect({ group: 'auditors' })]
      for (let n = 0; n < 20; n++) await bus.publish(topic, n)
      await eventually(async () => expect(first.length + second.length).toBe(20))
      await eventually(async () => expect(other).toHaveLength(20))
      expect([...first, ...second].toSorted(byNumber)).toEqual(numbers(20))
      expect(other.toSorted(byNumber)).toEqual(numbers(20))
    })

    test('delivers any JSON value unchanged', async () => {
      const values: Json[] = [null, true, 0.5, 'ü\u0000"\u2028', [], {}, { a: [1, { b: null }], ключ: '💡' }]
      const got = collect()
      for (const value of values) await bus.publish(topic, freeze(value))
      await eventually(async () => expect(got).toHaveLength(values.length))
      expect(got).toEqual(values)
    })

    test('keeps what is published before the first member joins', async () => {
      await bus.publish(topic, 'early')
      const got = collect()
      await eventually(async () => expect(got).toEqual(['early']))
    })

    test('keeps what is published while a group has no member', async () => {
      const first = bus.consume(topic, { group, concurrency: 1 }, async () => {})
      await first.ready
      await first.stop()
      await bus.publish(topic, 'meanwhile')
      const got = collect()
      await eventually(async () => expect(got).toEqual(['meanwhile']))
    })

    test('delivers a message again when its handler failed', async () => {
      let deliveries = 0
      bus.consume(topic, { group, concurrency: 1 }, async () => {
        deliveries++
        if (deliveries < 3) throw new Error('not now')
      })
      await bus.publish(topic, 'stubborn')
      await eventually(async () => expect(deliveries).toBe(3))
    })

    test('gives a message up after MAX_DELIVERIES and goes on with the next', async () => {
      const got: Json[] = []
      bus.consume(topic, { group, concurrency: 1 }, async (message) => {
        got.push(message)
        if (message === 'poison') throw new Error('always')
      })
      await bus.publish(topic, 'poison')
      await bus.publish(topic, 'next')
      await eventually(async () => expect(got.filter((each) => each === 'poison')).toHaveLength(MAX_DELIVERIES))
      await bus.publish(topic, 'last')
      await eventually(async () => expect(got).toContain('last'))
      expect(got).toContain('next')
      expect(got.filter((each) => each === 'poison')).toHaveLength(MAX_DELIVERIES)
    })

    test('runs at most `concurrency` handlers of a member at once', async () => {
      const gate = Promise.withResolvers<void>()
      let running = 0
      let most = 0
      let done = 0
      bus.consume(topic, { group, concurrency: 3 }, async () => {
        most = Math.max(most, ++running)
        await gate.promise
        running--
        done++
      })
      for (let n = 0; n < 10; n++) await bus.publish(topic, n)
      await eventually(async () => expect(running).toBe(3))
      gate.resolve()
      await eventually(async () => expect(done).toBe(10))
      expect(most).toBe(3)
    })

    test('lets handlers in flight finish before a subscription has stopped', async () => {
      const gate = Promise.withResolvers<void>()
      const began = Promise.withResolvers<void>()
      let finished = false
      const subscription = bus.consume(topic, { group, concurrency: 1 }, async () => {
        began.resolve()
        await gate.promise
        finished = true
      })
      await bus.publish(topic, 'slow')
      await began.promise
      const stopped = subscription.stop()
      gate.resolve()
      await stopped
      expect(finished).toBe(true)
    })

    test('broadcasts to every listener that is there, and to none that has stopped', async () => {
      const got: Json[][] = [[], [], []]
      const listeners = got.map((each) => bus.listen(topic, (message) => void each.push(message)))
      await Promise.all(listeners.map((each) => each.ready))
      await bus.broadcast(topic, 'one')
      await eventually(async () => expect(got).toEqual([['one'], ['one'], ['one']]))
      await listeners[2]?.stop()
      await bus.broadcast(topic, 'two')
      await eventually(async () => expect(got).toEqual([['one', 'two'], ['one', 'two'], ['one']]))
    })

    test('a listener that fails does not keep the others from hearing', async () => {
      const got: Json[] = []
      const failing = bus.listen(topic, () => {
        throw new Error('deaf')
      })
      const hearing = bus.listen(topic, (message) => void got.push(message))
      await Promise.all([failing.ready, hearing.ready])
      await bus.broadcast(topic, 'hello')
      await eventually(async () => expect(got).toEqual(['hello']))
    })

    test('brings the reply of a call back to its caller', async () => {
      bus.serve(topic, { concurrency: 8 }, async (request) => ({ echo: request }))
      const replies = await Promise.all(numbers(50).map((n) => bus.call(topic, n, { deadline_s: 10 })))
      expect(replies).toEqual(numbers(50).map((n) => ({ echo: n })))
    })

    test('holds a call until there is a server', async () => {
      const reply = bus.call(topic, 'anyone?', { deadline_s: 10 })
      bus.serve(topic, { concurrency: 1 }, async () => 'here')
      expect(await reply).toBe('here')
    })

    test('shares calls among the servers of a topic', async () => {
      const gate = Promise.withResolvers<void>()
      const served = [0, 0]
      for (const index of [0, 1]) {
        bus.serve(topic, { concurrency: 1 }, async () => {
          served[index] = (served[index] ?? 0) + 1
          await gate.promise
          return index
        })
      }
      const replies = [1, 2].map((n) => bus.call(topic, n, { deadline_s: 10 }))
      await eventually(async () => expect(served).toEqual([1, 1]))
      gate.resolve()
      expect((await Promise.all(replies)).toSorted(byNumber)).toEqual([0, 1])
    })

    test('a call without a reply ends at its deadline', async () => {
      expect(await failureOf(bus.call(topic, 'nobody', { deadline_s: 0.1 }))).toBeInstanceOf(BusTimeout)
    })

    test('does not start a call whose caller has given up', async () => {
      const requests: Json[] = []
      expect(await failureOf(bus.call(topic, 'late', { deadline_s: 0.05 }))).toBeInstanceOf(BusTimeout)
      // Two processes tell the time apart by some milliseconds.
      await Bun.sleep(250)
      bus.serve(topic, { concurrency: 1 }, async (request) => requests.push(request))
      await bus.call(topic, 'in time', { deadline_s: 10 })
      expect(requests).toEqual(['in time'])
    })

    test('a Problem crosses with its kind and message and without its cause', async () => {
      bus.serve(topic, { concurrency: 1 }, async () => {
        throw badRequest('no such flavor', new Error('select * from secrets'))
      })
      const error = await failureOf(bus.call(topic, null, { deadline_s: 10 }))
      expect(error).toBeInstanceOf(Problem)
      expect(error).toMatchObject({ kind: 'bad_request', message: 'no such flavor', cause: undefined })
    })

    test('an unexpected error crosses as internal, and says nothing about itself', async () => {
      bus.serve(topic, { concurrency: 1 }, async () => {
        throw new TypeError('/etc/nova/secret is undefined')
      })
      const error = await failureOf(bus.call(topic, null, { deadline_s: 10 }))
      expect(error).toMatchObject({ kind: 'internal' })
      expect(String(error)).not.toContain('secret')
    })

    test('is healthy until it is closed, then refuses', async () => {
      await eventually(async () => expect(await bus.health()).toBe(true))
      const waiting = failureOf(bus.call(topic, 'unheard', { deadline_s: 60 }))
      await Bun.sleep(0)
      await bus.close()
      expect(await waiting).toMatchObject({ kind: 'unavailable' })
      expect(await bus.health()).toBe(false)
      expect(await failureOf(bus.publish(topic, 'too late'))).toMatchObject({ kind: 'unavailable' })
      expect(await failureOf(bus.call(topic, 'too late', { deadline_s: 1 }))).toMatchObject({ kind: 'unavailable' })
    })
  })
}

const byNumber = (a: Json, b: Json): number => Number(a) - Number(b)
const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => {
      throw new Error(`expected a failure, got ${JSON.stringify(value)}`)
    },
    (error: unknown) => error,
  )
}

function freeze(value: Json): Json {
  if (value !== null && typeof value === 'object') Object.values(Object.freeze(value)).forEach(freeze)
  return value
}
