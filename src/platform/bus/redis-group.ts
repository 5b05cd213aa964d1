import type { Logger } from '../log/index.ts'
import { MAX_DELIVERIES } from './bus.ts'
import { inFlight } from './in-flight.ts'
import { REDELIVERY_WAIT_MS } from './limits.ts'
import { connect, isReply, type Link } from './redis-link.ts'

/** How a member of a group keeps time; tests use shorter ones. */
export interface GroupTimings {
  /** Longest wait of one read. */
  readonly block_ms: number
  /** How often a member shows that it lives and looks for those that do not. */
  readonly sweep_ms: number
  /** A member not seen for this long is dead: others take over what it had in hand. */
  readonly dead_ms: number
}

export const GROUP_TIMINGS: GroupTimings = { block_ms: 2_000, sweep_ms: 3_000, dead_ms: 10_000 }

export interface MemberOptions {
  readonly url: string
  /** For all that does not block. */
  readonly writer: Link
  readonly stream: string
  readonly group: string
  /** Unique to this subscription: two members of one name would take each other's messages for their own. */
  readonly consumer: string
  readonly concurrency: number
  /** Removes an entry from the stream once it is done; for streams with a single group. */
  readonly removeDone: boolean
  readonly timings: GroupTimings
  readonly log: Logger
  handle(entry: Entry): Promise<void>
}

export interface Entry {
  /** Redis' id: milliseconds of its clock, dash, number. */
  readonly id: string
  readonly fields: ReadonlyMap<string, string>
}

export interface Member {
  readonly ready: Promise<void>
  stop(): Promise<void>
}

type RawEntry = [id: string, fields: string[] | null]
type PendingEntry = [id: string, consumer: string, idle_ms: number, deliveries: number]

const ANSWER_GRACE_MS = 2_000
const RETRY_READ_MS = 100
const CLAIM_BATCH = 100
/**
 * Reading one's own entries after this gives nothing, and tells Redis that the member lives. The last possible id, a
 * number higher, will not do: Redis takes it for `>`.
 */
const BEYOND_ALL = '18446744073709551615-0'

/**
 * Reads a stream as one member of a consumer group. Whatever Redis has handed to this member is either in hand here or
 * found again: after any failed read the member asks for its own unfinished entries first, since a read that failed
 * here may have succeeded there.
 */
export function joinGroup(options: MemberOptions): Member {
  const { writer, stream, group, consumer, timings, log } = options
  const slots = inFlight(options.concurrency)
  /** Entries being handled, waiting to be handled again, or done while Redis was away, which must still learn it. */
  const inHand = new Map<string, 'working' | 'done'>()
  const stopped = new AbortController()
  let clientId: number | undefined
  const joined = Promise.withResolvers<void>()

  const reader = connect({
    url: options.url,
    log,
    answer_ms: timings.block_ms + ANSWER_GRACE_MS,
    onReady: async (redis) => (clientId = await redis.client('ID')),
  })

  async function join(): Promise<void> {
    try {
      // From the start of the stream: what was sent before this group existed is for it, too.
      await reader.redis.xgroup('CREATE', stream, group, '0', 'MKSTREAM')
    } catch (error) {
      if (!isReply(error, 'BUSYGROUP')) throw error
    }
    joined.resolve()
  }

  async function read(from: string, count: number): Promise<RawEntry[]> {
    const args = ['GROUP', group, consumer, 'COUNT', String(count)]
    if (from === '>') args.push('BLOCK', String(timings.block_ms))
    const answer = await reader.redis.call('XREADGROUP', [...args, 'STREAMS', stream, from])
    return (answer as [string, RawEntry[]][] | null)?.[0]?.[1] ?? []
  }

  async function readOn(): Promise<void> {
    let own = true
    let exists = false
    while (!stopped.signal.aborted) {
      try {
        await reader.untilReady(timings.block_ms)
        if (!exists) await join()
        exists = true
        if (own) await takeOwn()
        own = false
        await slots.untilFree()
        if (stopped.signal.aborted) return
        for (const entry of await read('>', slots.free)) take(entry, 1)
      } catch (err) {
        if (stopped.signal.aborted) return
        own = true
        if (isReply(err, 'NOGROUP') || isReply(err, 'UNBLOCKED')) {
          log.warn(`Redis has lost the stream ${stream}; what was in it is left to the sweeps`)
          exists = false
        } else if (isReply(err)) {
          log.warn({ err }, `cannot read the stream ${stream}; trying again`)
          await pause(RETRY_READ_MS)
        } else {
          log.debug({ err }, `a read of the stream ${stream} failed`)
          reader.renew()
          await pause(RETRY_READ_MS)
        }
      }
    }
  }

  /** Entries that Redis takes to be in our hands: those it is right about are left alone. */
  async function takeOwn(): Promise<void> {
    for (let from = '0'; ; ) {
      const entries = await read(from, CLAIM_BATCH)
      for (const entry of entries) {
        const state = inHand.get(entry[0])
        if (state === 'done') await acknowledge(entry[0])
        if (state !== undefined) continue
        await slots.untilFree()
        take(entry, 1)
      }
      const last = entries.at(-1)
      if (last === undefined || stopped.signal.aborted) return
      from = last[0]
    }
  }

  function take([id, fields]: RawEntry, deliveries: number): void {
    // Trimmed away before it was read.
    if (fields === null) return void acknowledge(id)
    const pairs = new Map<string, string>()
    for (let index = 0; index < fields.length; index += 2) pairs.set(fields[index] ?? '', fields[index + 1] ?? '')
    inHand.set(id, 'working')
    slots.run(() => work({ id, fields: pairs }, deliveries))
  }

  async function work(entry: Entry, deliveries: number): Promise<void> {
    try {
      await options.handle(entry)
    } catch (err) {
      if (deliveries < MAX_DELIVERIES) {
        log.warn({ err }, `a message on ${stream} for ${group} failed and is delivered again`)
        void workAgain(entry, deliveries + 1)
        return
      }
      log.error({ err }, `a message on ${stream} for ${group} failed ${MAX_DELIVERIES} times and is dropped`)
    }
    await acknowledge(entry.id)
  }

  async function workAgain(entry: Entry, deliveries: number): Promise<void> {
    await pause(REDELIVERY_WAIT_MS * (deliveries - 1))
    await slots.untilFree()
    // Stays unfinished in Redis, where another member finds it once this one is gone.
    if (stopped.signal.aborted) return
    slots.run(() => work(entry, deliveries))
  }

  async function acknowledge(id: string): Promise<void> {
    try {
      await writer.redis.xack(stream, group, id)
      inHand.delete(id)
      if (options.removeDone) await writer.redis.xdel(stream, id)
    } catch {
      if (inHand.has(id)) inHand.set(id, 'done')
    }
  }

  async function sweepOn(): Promise<void> {
    while (!stopped.signal.aborted) {
      await pause(timings.sweep_ms)
      if (stopped.signal.aborted || writer.redis.status !== 'ready') continue
      // Without the stream or the group there is nothing to sweep; the reader makes them again.
      await sweep().catch((err: unknown) => log.debug({ err }, `cannot sweep the stream ${stream}`))
    }
  }

  async function sweep(): Promise<void> {
    await writer.redis.call('XREADGROUP', 'GROUP', group, consumer, 'COUNT', '1', 'STREAMS', stream, BEYOND_ALL)
    const consumers = (await writer.redis.xinfo('CONSUMERS', stream, group)) as (string | number)[][]
    for (const info of consumers) {
      const about = new Map(info.map((name, index) => [name, info[index + 1]]))
      const name = String(about.get('name'))
      if (name === consumer || Number(about.get('idle')) < timings.dead_ms) continue
      if (about.get('pending') === 0) await writer.redis.xgroup('DELCONSUMER', stream, group, name)
      else await takeOver(name)
    }
  }

  async function takeOver(dead: string): Promise<void> {
    const count = Math.min(slots.free, CLAIM_BATCH)
    if (count <= 0) return
    const pending = (await writer.redis.xpending(stream, group, '-', '+', count, dead)) as PendingEntry[]
    const deliveries = new Map(pending.map(([id, , , times]) => [id, times]))
    if (deliveries.size === 0) return
    // Of several that try, the first resets the idle time, and the others get nothing.
    const ids = [...deliveries.keys()]
    const claimed = (await writer.redis.xclaim(stream, group, consumer, timings.dead_ms, ...ids)) as (RawEntry | null)[]
    for (const entry of claimed) {
      if (entry === null || inHand.has(entry[0])) continue
      const times = deliveries.get(entry[0]) ?? 1
      if (times >= MAX_DELIVERIES) {
        log.error(`a message on ${stream} for ${group} ended ${times} of its members and is dropped`)
        await acknowledge(entry[0])
      } else {
        take(entry, times + 1)
      }
    }
  }

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      if (stopped.signal.aborted) return resolve()
      const timer = setTimeout(done, ms)
      function done(): void {
        clearTimeout(timer)
        stopped.signal.removeEventListener('abort', done)
        resolve()
      }
      stopped.signal.addEventListener('abort', done)
    })
  }

  const loops = Promise.all([readOn(), sweepOn()])
  joined.promise.catch(() => {})

  return {
    ready: joined.promise,
    async stop() {
      stopped.abort()
      // Ends the blocking read with an empty answer: cut off, it might take a message along.
      if (clientId !== undefined) await writer.redis.client('UNBLOCK', clientId).catch(() => {})
      await Promise.race([loops, Bun.sleep(timings.block_ms)])
      reader.close()
      await loops
      await slots.drained()
      joined.reject(new Error('the subscription was stopped before it was ready'))
      if (inHand.size > 0) return
      await writer.redis.xgroup('DELCONSUMER', stream, group, consumer).catch(() => {})
    },
  }
}
