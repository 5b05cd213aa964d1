import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { Redis } from 'ioredis'
import { quietLog } from '../../../test/support/database.ts'
import { eventually } from '../../../test/support/eventually.ts'
import { startRedis, type TestRedis } from '../../../test/support/redis.ts'
import { has } from '../../../test/support/requirements.ts'
import type { Bus, Json } from './bus.ts'
import { createRedisBus } from './redis.ts'

describe.if(has('redis'))('the Redis bus', () => {
  const timings = { block_ms: 200, sweep_ms: 50, dead_ms: 1_500 }
  let redis: TestRedis
  let bus: Bus
  let raw: Redis
  let topic: string
  const group = 'workers'

  beforeAll(async () => {
    redis = await startRedis()
  })
  afterAll(() => redis.stop())
  beforeEach(() => {
    topic = `topic-${crypto.randomUUID()}`
    bus = createRedisBus({ url: redis.url, log: quietLog, timings })
    raw = new Redis(redis.url, { protocol: 2 })
    raw.on('error', () => {})
  })
  afterEach(async () => {
    await bus.close()
    raw.disconnect()
  })

  /** Everything a process has on the bus, and a check that all of it works now. */
  async function useAll(): Promise<() => Promise<void>> {
    const got = new Set<Json>()
    const heard = new Set<Json>()
    const subscriptions = [
      bus.consume(topic, { group, concurrency: 2 }, async (message) => void got.add(message)),
      bus.listen(topic, (message) => void heard.add(message)),
      bus.serve(topic, { concurrency: 2 }, async (request) => request),
    ]
    await Promise.all(subscriptions.map((each) => each.ready))
    let round = 0
    return () =>
      eventually(async () => {
        const message = `round ${round++}`
        expect(await bus.call(topic, message, { deadline_s: 1 })).toBe(message)
        await bus.publish(topic, message)
        await bus.broadcast(topic, message)
        await eventually(async () => expect([...got]).toContain(message), 1)
        await eventually(async () => expect([...heard]).toContain(message), 1)
      })
  }

  test('works on after Redis was killed and started again without its data', async () => {
    const works = await useAll()
    await works()
    await redis.kill()
    expect(await bus.health()).toBe(false)
    await redis.start()
    await works()
    expect(await bus.health()).toBe(true)
  })

  test('works on after all data was flushed, whenever that happens', async () => {
    const works = await useAll()
    for (let times = 0; times < 20; times++) {
      // Some of these are lost; none may hang for longer than its deadline or end the process.
      const calls = [1, 2, 3].map((n) => bus.call(topic, n, { deadline_s: 0.3 }).catch(() => 'lost'))
      await Bun.sleep(Math.random() * 5)
      await redis.flush()
      await Promise.all(calls)
    }
    await works()
  })

  test('works on after Redis has stood still for longer than any answer may take', async () => {
    const works = await useAll()
    await works()
    redis.pause()
    try {
      await expect(bus.publish(topic, 'unheard')).rejects.toMatchObject({ kind: 'unavailable' })
      expect(await bus.health()).toBe(false)
    } finally {
      redis.resume()
    }
    await works()
  })

  test('loses nothing when Redis stands still while messages are read', async () => {
    const got = new Set<Json>()
    await bus.consume(topic, { group, concurrency: 4 }, async (message) => void got.add(message)).ready
    for (let n = 0; n < 200; n++) {
      if (n === 100) {
        redis.pause()
        setTimeout(() => redis.resume(), 3_000)
      }
      await eventually(() => bus.publish(topic, n))
    }
    await eventually(async () => expect(got.size).toBe(200))
  })

  test('refuses to publish while Redis is away, and delivers once it is back', async () => {
    await redis.kill()
    try {
      const lost = createRedisBus({ url: redis.url, log: quietLog })
      await expect(lost.publish(topic, 1)).rejects.toMatchObject({ kind: 'unavailable' })
      await lost.close()
    } finally {
      await redis.start()
    }
    const got: Json[] = []
    bus.consume(topic, { group, concurrency: 1 }, async (message) => void got.push(message))
    await eventually(() => bus.publish(topic, 2))
    await eventually(async () => expect(got).toContain(2))
  })

  test('takes over what a dead member had in hand, and forgets the member', async () => {
    const stream = `bunova:topic:${topic}`
    await bus.publish(topic, 'orphan')
    await raw.xgroup('CREATE', stream, group, '0')
    await raw.call('XREADGROUP', 'GROUP', group, 'dead', 'COUNT', '1', 'STREAMS', stream, '>')
    const got: Json[] = []
    bus.consume(topic, { group, concurrency: 1 }, async (message) => void got.push(message))
    await eventually(async () => expect(got).toEqual(['orphan']))
    await eventually(async () => {
      const consumers = (await raw.xinfo('CONSUMERS', stream, group)) as string[][]
      expect(consumers.map((info) => info[1])).not.toContain('dead')
    })
  })

  test('drops a message that ended every member it was given to', async () => {
    const stream = `bunova:topic:${topic}`
    await bus.publish(topic, 'deadly')
    await raw.xgroup('CREATE', stream, group, '0')
    const read = await raw.call('XREADGROUP', 'GROUP', group, 'dead', 'COUNT', '1', 'STREAMS', stream, '>')
    const id = (read as [string, [string, string[]][]][])[0]?.[1][0]?.[0] ?? ''
    await raw.xclaim(stream, group, 'dead', 0, id, 'RETRYCOUNT', 5)
    const got: Json[] = []
    bus.consume(topic, { group, concurrency: 1 }, async (message) => void got.push(message))
    await eventually(async () => expect((await raw.xpending(stream, group))[0]).toBe(0))
    expect(got).toEqual([])
  })

  test('leaves a message with a live member, however long its handler takes', async () => {
    let deliveries = 0
    const gate = Promise.withResolvers<void>()
    for (const _ of [1, 2]) {
      bus.consume(topic, { group, concurrency: 1 }, async () => {
        deliveries++
        await gate.promise
      })
    }
    await bus.publish(topic, 'long')
    await Bun.sleep(timings.dead_ms * 2)
    expect(deliveries).toBe(1)
    gate.resolve()
  })

  test('drops entries that are not messages and goes on', async () => {
    await raw.xadd(`bunova:topic:${topic}`, '*', 'message', '{"torn')
    await raw.xadd(`bunova:topic:${topic}`, '*', 'unknown', '1')
    await raw.xadd(
      `bunova:call:${topic}`,
      '*',
      'id',
      '1',
      'reply',
      'not-a-reply-stream',
      'ttl_ms',
      '9999',
      'request',
      '1',
    )
    const works = await useAll()
    await works()
    expect(await raw.exists('not-a-reply-stream')).toBe(0)
  })

  test('leaves nothing of answered calls, and lets the streams expire', async () => {
    bus.serve(topic, { concurrency: 1 }, async (request) => request)
    for (let n = 0; n < 10; n++) await bus.call(topic, n, { deadline_s: 10 })
    const replies = await raw.keys('bunova:reply:*')
    for (const stream of [`bunova:call:${topic}`, ...replies]) {
      await eventually(async () => expect(await raw.xlen(stream)).toBe(0))
      expect(await raw.pttl(stream)).toBeGreaterThan(0)
    }
  })

  test('keeps at most about MAX_WAITING messages for a group that is away', async () => {
    await Promise.all(Array.from({ length: 12_000 }, (_, n) => bus.publish(topic, n)))
    expect(await raw.xlen(`bunova:topic:${topic}`)).toBeLessThan(10_200)
  })
})
