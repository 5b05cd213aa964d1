import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { quietLog } from '../../../test/support/database.ts'
import { startRedis, type TestRedis } from '../../../test/support/redis.ts'
import { has } from '../../../test/support/requirements.ts'
import { busConformance } from './conformance.ts'
import { createMemoryBus } from './memory.ts'
import { openBus, TransportUrlError } from './open.ts'
import { createRedisBus } from './redis.ts'

busConformance('in-process', { open: async () => createMemoryBus({ log: quietLog }) })

describe.if(has('redis'))('on Redis', () => {
  let redis: TestRedis
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterAll(() => redis.stop())
  busConformance('Redis', { open: async () => createRedisBus({ url: redis.url, log: quietLog }) })
})

test('openBus takes Redis by its URL, none as in-process, and refuses a broker it does not speak', async () => {
  const bus = await openBus({ log: quietLog })
  expect(await bus.health()).toBe(true)
  await bus.close()
  expect(openBus({ transport_url: 'rabbit://nova:secret@controller', log: quietLog })).rejects.toThrow(
    TransportUrlError,
  )
  expect(openBus({ transport_url: 'redis://', log: quietLog }).then((each) => each.close())).resolves.toBeUndefined()
})
