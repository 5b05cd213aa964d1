import { Problem } from '../../kernel/index.ts'

/**
 * The message bus between loosely coupled parts. Postgres is the truth and the bus a doorbell: whatever is lost here is
 * found again by a sweep, so a binding promises at-least-once delivery while it lives and nothing after a flush.
 *
 * Two bindings hold to this port and pass one conformance suite: in-process (`memory.ts`) and Redis Streams
 * (`redis.ts`). Payloads are JSON values that a contract in `src/contracts` has parsed.
 */
export interface Bus {
  /**
   * Puts a message on a topic; of each consumer group on it, one member gets it. Resolves when the bus has accepted it.
   * @throws {BusUnavailable} when the bus cannot be reached within the publish deadline (2 s).
   */
  publish(topic: string, message: Json): Promise<void>

  /**
   * Joins `group` on `topic`. A message is acknowledged when `handler` resolves; when it rejects or its process dies, a
   * member of the group gets it again (at most `MAX_DELIVERIES` times, then it is dropped with an error in the log).
   */
  consume(topic: string, options: ConsumeOptions, handler: (message: Json) => Promise<void>): Subscription

  /** Sends to every listener that is connected now. Not kept for those that come later. */
  broadcast(topic: string, message: Json): Promise<void>
  listen(topic: string, handler: (message: Json) => void): Subscription

  /**
   * Request and reply with one server of the topic (load-balanced).
   * @throws {BusTimeout} when no reply came within `deadline_s`.
   * @throws {BusUnavailable} when the request did not get on its way.
   * @throws {Problem} what the server threw, with its kind and message; an unexpected error arrives as `internal`.
   */
  call(topic: string, request: Json, options: { deadline_s: number }): Promise<Json>
  /** Serves calls on a topic, at most `concurrency` at a time. */
  serve(topic: string, options: { concurrency: number }, handler: (request: Json) => Promise<Json>): Subscription

  /** Whether messages flow now; a false here turns into 503 where a request needs the bus. */
  health(): Promise<boolean>
  /** Ends all subscriptions after their handlers in flight have finished, at most `deadline_s` (5 s). */
  close(): Promise<void>
}

export interface ConsumeOptions {
  readonly group: string
  /** Handlers of this member that may run at once. */
  readonly concurrency: number
}

export interface Subscription {
  /** Resolves when the subscription takes messages: before that, a publish may find it absent. */
  readonly ready: Promise<void>
  stop(): Promise<void>
}

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** No reply within the deadline. The work may still happen: whoever calls must be able to ask again. */
export class BusTimeout extends Error {
  override readonly name = 'BusTimeout'
}

/** The bus itself is away, not whoever is behind it. What was to be sent may have been sent all the same. */
export class BusUnavailable extends Problem {
  constructor(message: string, cause?: unknown) {
    super('unavailable', message, { cause })
  }
}

/** Deliveries of one message before the bus gives it up; a sweep of the database finds the work again. */
export const MAX_DELIVERIES = 5
