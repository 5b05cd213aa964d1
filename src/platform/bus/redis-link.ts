import { Redis } from 'ioredis'
import { unavailable } from '../../kernel/index.ts'
import type { Logger } from '../log/index.ts'
import { BusUnavailable } from './bus.ts'

/** One connection to Redis that comes back by itself. Nothing is queued while it is away: each user decides anew. */
export interface Link {
  readonly redis: Redis
  /** @throws {BusUnavailable} when it is not ready within `wait_ms`; {Problem} `unavailable` when it is closed. */
  untilReady(wait_ms: number): Promise<void>
  /** Drops the connection and makes a new one, after an answer that did not come and may yet come late. */
  renew(): void
  close(): void
}

export interface LinkOptions {
  readonly url: string
  readonly log: Logger
  /** No answer within this is a failure; for blocking commands more than they block. */
  readonly answer_ms: number
  /** Called each time it gets ready. */
  readonly onReady?: (redis: Redis) => Promise<unknown>
}

const CONNECT_TIMEOUT_MS = 5_000
const RECONNECT_WAIT_MIN_MS = 20
const RECONNECT_WAIT_MAX_MS = 1_000

export function connect({ url, log, answer_ms, onReady }: LinkOptions): Link {
  const redis = new Redis(url, {
    commandTimeout: answer_ms,
    connectTimeout: CONNECT_TIMEOUT_MS,
    connectionName: 'bunova',
    // Replies have the same shape whether a command is called by name or by method.
    protocol: 2,
    retryStrategy: (attempt) => Math.min(RECONNECT_WAIT_MIN_MS * 2 ** attempt, RECONNECT_WAIT_MAX_MS),
    // A lost connection fails its commands at once. Sent again blindly, a blocking read can hang for ever.
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    enableOfflineQueue: false,
  })
  let waiting: { resolve: () => void; reject: (error: Error) => void }[] = []
  let closed = false
  let reported = false

  redis.on('error', (err: unknown) => {
    if (reported || closed) return
    reported = true
    log.warn({ err }, 'Redis is not reachable; trying again until it is')
  })
  redis.on('ready', () => {
    if (reported) log.info('Redis is reachable again')
    reported = false
    onReady?.(redis).catch((err: unknown) => log.debug({ err }, 'Redis was lost again'))
    waiting.forEach(({ resolve }) => resolve())
    waiting = []
  })

  return {
    redis,
    async untilReady(wait_ms) {
      if (closed) throw unavailable('The message bus is closed.')
      if (redis.status === 'ready') return
      let timer: Timer | undefined
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new BusUnavailable('The message bus is not reachable.')), Math.max(0, wait_ms))
      })
      const ready = new Promise<void>((resolve, reject) => waiting.push({ resolve, reject }))
      await Promise.race([ready, late]).finally(() => clearTimeout(timer))
    },
    renew() {
      if (redis.status === 'ready') redis.disconnect(true)
    },
    close() {
      closed = true
      redis.disconnect()
      waiting.forEach(({ reject }) => reject(unavailable('The message bus is closed.')))
      waiting = []
    },
  }
}

/**
 * Runs a command within `deadline_ms`, again after a lost connection: it may take effect twice.
 * @throws {BusUnavailable} when that does not succeed.
 */
export async function send<T>(link: Link, deadline_ms: number, command: (redis: Redis) => Promise<T>): Promise<T> {
  const deadline = Date.now() + deadline_ms
  for (;;) {
    await link.untilReady(deadline - Date.now())
    try {
      return await command(link.redis)
    } catch (error) {
      if (isReply(error)) throw new BusUnavailable('The message bus refuses messages.', error)
      if (Date.now() >= deadline) throw new BusUnavailable('The message bus is not reachable.', error)
      // The connection may be lost before it is known to be.
      await Bun.sleep(RECONNECT_WAIT_MIN_MS)
    }
  }
}

/** True for an error that Redis itself answered with, beginning with `code` if one is given. */
export function isReply(error: unknown, code?: string): boolean {
  return error instanceof Error && error.name === 'ReplyError' && (code === undefined || error.message.startsWith(code))
}
