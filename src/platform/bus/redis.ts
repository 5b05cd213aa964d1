import { Problem, unavailable } from '../../kernel/index.ts'
import type { Logger } from '../log/index.ts'
import type { Bus, Json, Subscription } from './bus.ts'
import { MAX_WAITING, STOP_DEADLINE_MS } from './limits.ts'
import { answerCall, createCaller } from './redis-calls.ts'
import { type Entry, GROUP_TIMINGS, type GroupTimings, joinGroup } from './redis-group.ts'
import { connect, send } from './redis-link.ts'

export interface RedisBusOptions {
  /** `redis://[user:password@]host[:port][/database]`, or `rediss://` for TLS. */
  readonly url: string
  readonly log: Logger
  readonly timings?: GroupTimings
}

const PUBLISH_DEADLINE_MS = 2_000
const HEALTH_DEADLINE_MS = 1_000
/** A message is a word, not a file; the largest is a console log of 1 MiB. */
const MESSAGE_MAX_BYTES = 4 * 1024 * 1024

const topicStream = (topic: string): string => `bunova:topic:${topic}`
const callStream = (topic: string): string => `bunova:call:${topic}`
const channel = (topic: string): string => `bunova:broadcast:${topic}`

/**
 * The bus of several processes, on Redis Streams. It may be flushed or restarted at any time: streams and groups are
 * made again where they are missing.
 */
export function createRedisBus({ url, log, timings = GROUP_TIMINGS }: RedisBusOptions): Bus {
  /** Redis' clock less ours: the age of a message must not depend on how well the clocks of hosts agree. */
  let clockOffset_ms = 0
  const writer = connect({
    url,
    log,
    answer_ms: PUBLISH_DEADLINE_MS,
    onReady: async (redis) => {
      const [seconds, microseconds] = (await redis.time()).map(Number) as [number, number]
      clockOffset_ms = seconds * 1000 + microseconds / 1000 - Date.now()
    },
  })
  const caller = createCaller({ url, writer, timings, log })
  const broadcasts = createBroadcasts({ url, log })
  const subscriptions = new Set<Subscription>()
  let closed = false

  function subscribe(inner: Subscription): Subscription {
    let stopping: Promise<void> | undefined
    const self: Subscription = {
      ready: inner.ready,
      stop: () => (stopping ??= inner.stop().finally(() => subscriptions.delete(self))),
    }
    subscriptions.add(self)
    return self
  }

  function join(stream: string, group: string, concurrency: number, handle: (entry: Entry) => Promise<void>) {
    assertOpen()
    const consumer = crypto.randomUUID()
    const removeDone = stream.startsWith(callStream(''))
    return subscribe(joinGroup({ url, writer, stream, group, consumer, concurrency, removeDone, timings, log, handle }))
  }

  function assertOpen(): void {
    if (closed) throw unavailable('The message bus is closed.')
  }

  return {
    async publish(topic, message) {
      assertOpen()
      const text = encode(message)
      await send(writer, PUBLISH_DEADLINE_MS, (redis) =>
        redis.xadd(topicStream(topic), 'MAXLEN', '~', MAX_WAITING, '*', 'message', text),
      )
    },

    consume(topic, { group, concurrency }, handler) {
      return join(topicStream(topic), group, concurrency, async (entry) => {
        const message = decode(entry.fields.get('message'))
        if (message === undefined) return log.error(`an entry on ${topic} is not a message and is dropped`)
        await handler(message)
      })
    },

    async broadcast(topic, message) {
      assertOpen()
      const text = encode(message)
      await send(writer, PUBLISH_DEADLINE_MS, (redis) => redis.publish(channel(topic), text))
    },

    listen(topic, handler) {
      assertOpen()
      return subscribe(broadcasts.listen(channel(topic), handler))
    },

    async call(topic, request, { deadline_s }) {
      assertOpen()
      return caller.call(callStream(topic), request, deadline_s)
    },

    serve(topic, { concurrency }, handler) {
      const now = (): number => Date.now() + clockOffset_ms
      return join(callStream(topic), 'servers', concurrency, (entry) =>
        answerCall(entry, { writer, now, topic, log }, handler),
      )
    },

    async health() {
      if (closed || writer.redis.status !== 'ready') return false
      const answer = writer.redis.ping().then(
        () => true,
        () => false,
      )
      return Promise.race([answer, Bun.sleep(HEALTH_DEADLINE_MS).then(() => false)])
    },

    async close() {
      closed = true
      const stopping = Promise.all([...subscriptions].map((each) => each.stop()))
      await Promise.race([stopping, Bun.sleep(STOP_DEADLINE_MS)])
      await caller.stop()
      broadcasts.close()
      writer.close()
    },
  }
}

interface Broadcasts {
  listen(channel: string, handler: (message: Json) => void): Subscription
  close(): void
}

/** A connection that only listens, made when something does. */
function createBroadcasts({ url, log }: { url: string; log: Logger }): Broadcasts {
  const listeners = new Map<string, Set<(text: string) => void>>()
  const ready = new Map<string, PromiseWithResolvers<void>>()
  let link: ReturnType<typeof connect> | undefined

  async function subscribeAll(redis: { subscribe(...channels: string[]): Promise<unknown> }): Promise<void> {
    const channels = [...listeners.keys()]
    if (channels.length === 0) return
    await redis.subscribe(...channels)
    channels.forEach((name) => ready.get(name)?.resolve())
  }

  function open(): ReturnType<typeof connect> {
    const made = connect({ url, log, answer_ms: PUBLISH_DEADLINE_MS, onReady: subscribeAll })
    made.redis.on('message', (name: string, text: string) => listeners.get(name)?.forEach((listener) => listener(text)))
    return made
  }

  return {
    listen(name, handler) {
      const listener = (text: string): void => {
        try {
          const message = decode(text)
          if (message !== undefined) handler(message)
        } catch (err) {
          log.error({ err }, `a listener on ${name} failed`)
        }
      }
      let set = listeners.get(name)
      if (!set) {
        listeners.set(name, (set = new Set()))
        ready.set(name, Promise.withResolvers())
        if (!link) link = open()
        // While it is not ready this fails, and becoming ready does it.
        else subscribeAll(link.redis).catch(() => {})
      }
      set.add(listener)
      return {
        ready: ready.get(name)?.promise ?? Promise.resolve(),
        stop: async () => void set.delete(listener),
      }
    },
    close: () => link?.close(),
  }
}

function encode(message: Json): string {
  const text = JSON.stringify(message)
  if (text.length > MESSAGE_MAX_BYTES) throw new Problem('too_large', 'The message is too large for the message bus.')
  return text
}

function decode(text: string | undefined): Json | undefined {
  try {
    return text === undefined ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}
