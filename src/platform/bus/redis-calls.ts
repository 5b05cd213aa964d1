import { unavailable } from '../../kernel/index.ts'
import type { Logger } from '../log/index.ts'
import { BusTimeout, BusUnavailable, type Json } from './bus.ts'
import { type Failure, failureOf, problemOf } from './failure.ts'
import { MAX_WAITING } from './limits.ts'
import type { Entry, GroupTimings } from './redis-group.ts'
import { connect, type Link, send } from './redis-link.ts'

/** Requests go to the stream of their topic, replies to a stream of the caller's own, named in each request. */
export interface Caller {
  call(stream: string, request: Json, deadline_s: number): Promise<Json>
  stop(): Promise<void>
}

const REPLIES = 'bunova:reply:'
/** A reply stream that nobody reads any more vanishes after this. */
const REPLIES_EXPIRE_MS = 60_000
/** The same for the requests to a server that is gone for good. */
const REQUESTS_EXPIRE_MS = 3_600_000
const SEND_DEADLINE_MS = 2_000
const RETRY_READ_MS = 100
const READ_BATCH = 500

interface PendingCall {
  readonly resolve: (reply: Json) => void
  readonly reject: (error: Error) => void
  readonly timer: Timer
}

type Reply = { readonly value: Json } | { readonly failure: Failure }

export function createCaller(options: { url: string; writer: Link; timings: GroupTimings; log: Logger }): Caller {
  const { writer, timings, log } = options
  const replies = `${REPLIES}${crypto.randomUUID()}`
  const pending = new Map<string, PendingCall>()
  let reader: Link | undefined
  let reading: Promise<void> | undefined
  let stopped = false
  let calls = 0

  async function readOn(link: Link): Promise<void> {
    let last = '0'
    while (!stopped) {
      try {
        await link.untilReady(timings.block_ms)
        const args = ['COUNT', READ_BATCH, 'BLOCK', timings.block_ms, 'STREAMS', replies, last]
        const answer = (await link.redis.call('XREAD', args)) as [string, [string, string[]][]][] | null
        const entries = answer?.[0]?.[1] ?? []
        for (const [, fields] of entries) settle(fields)
        const ids = entries.map(([id]) => id)
        last = ids.at(-1) ?? last
        if (ids.length > 0) writer.redis.xdel(replies, ...ids).catch(() => {})
      } catch {
        if (stopped) return
        // Replies may have been read by the command that failed: all that are left are read again.
        last = '0'
        link.renew()
        await Bun.sleep(RETRY_READ_MS)
      }
    }
  }

  function settle([, id = '', , text = 'null']: string[]): void {
    const call = pending.get(id)
    if (!call) return
    pending.delete(id)
    clearTimeout(call.timer)
    const reply = JSON.parse(text) as Reply
    if ('failure' in reply) call.reject(problemOf(reply.failure))
    else call.resolve(reply.value)
  }

  return {
    async call(stream, request, deadline_s) {
      if (pending.size >= MAX_WAITING) throw new BusUnavailable('The message bus is overloaded.')
      if (!reader) {
        reader = connect({ url: options.url, log, answer_ms: timings.block_ms + SEND_DEADLINE_MS })
        reading = readOn(reader)
      }
      const id = String(++calls)
      const reply = Promise.withResolvers<Json>()
      // It may end while the request is still being sent, when nobody waits for it yet.
      reply.promise.catch(() => {})
      const expire = (): void => {
        pending.delete(id)
        reply.reject(new BusTimeout(`no reply on ${stream} within ${deadline_s} s`))
      }
      pending.set(id, { ...reply, timer: setTimeout(expire, deadline_s * 1000) })
      const deadline = Date.now() + deadline_s * 1000
      const text = JSON.stringify(request)
      // What is left when it is sent: the wait for a connection is the caller's time, too.
      const fields = () => ['id', id, 'reply', replies, 'ttl_ms', deadline - Date.now(), 'request', text]
      try {
        await send(writer, Math.min(SEND_DEADLINE_MS, deadline_s * 1000), (redis) =>
          redis
            .pipeline()
            .xadd(stream, 'MAXLEN', '~', MAX_WAITING, '*', ...fields())
            .pexpire(stream, REQUESTS_EXPIRE_MS)
            .exec()
            .then(throwFirst),
        )
      } catch (error) {
        clearTimeout(pending.get(id)?.timer)
        pending.delete(id)
        throw error
      }
      return reply.promise
    },
    async stop() {
      stopped = true
      reader?.close()
      await reading
      for (const call of pending.values()) {
        clearTimeout(call.timer)
        call.reject(unavailable('The message bus is closed.'))
      }
      pending.clear()
    },
  }
}

/** Serves one request of a call stream: runs `handler` and sends the reply, unless the caller has given up by now. */
export async function answerCall(
  entry: Entry,
  options: { writer: Link; now: () => number; topic: string; log: Logger },
  handler: (request: Json) => Promise<Json>,
): Promise<void> {
  const { writer, topic, log } = options
  const [id, replies, ttl_ms, request] = ['id', 'reply', 'ttl_ms', 'request'].map((name) => entry.fields.get(name))
  if (!id || !replies?.startsWith(REPLIES) || !request) {
    log.error(`an entry on ${topic} is not a request and is dropped`)
    return
  }
  if (options.now() > Number(entry.id.split('-')[0]) + Number(ttl_ms)) return
  let reply: Reply
  try {
    reply = { value: await handler(JSON.parse(request)) }
  } catch (error) {
    reply = { failure: failureOf(error, topic, log) }
  }
  const text = JSON.stringify(reply)
  await send(writer, SEND_DEADLINE_MS, (redis) =>
    redis
      .pipeline()
      .xadd(replies, '*', 'id', id, 'reply', text)
      .pexpire(replies, REPLIES_EXPIRE_MS)
      .exec()
      .then(throwFirst),
  )
}

/** A pipeline resolves even when its commands fail. */
function throwFirst(results: [error: Error | null, result: unknown][] | null): void {
  const failed = results?.find(([error]) => error !== null)
  if (failed?.[0]) throw failed[0]
}
