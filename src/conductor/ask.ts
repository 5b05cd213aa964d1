import { type Clock, unavailable } from '../kernel/index.ts'
import { type Bus, BusTimeout, BusUnavailable, type Json } from '../platform/bus/index.ts'

export interface AskOptions {
  readonly deadline_s: number
  readonly clock: Clock
  /** What a tenant reads when no answer came. */
  readonly silence: string
}

/** Wait for the first answer; each further one waits twice as long, so that few requests are on their way at once. */
const FIRST_WAIT_S = 5
const BUS_AWAY_PAUSE_MS = 200

/**
 * Asks until there is an answer. Redis may lose the request or the answer, or be away: then it is asked again, so it
 * must be a request that may be repeated.
 * @throws {Problem} what the other side said, or `unavailable` when the deadline has passed.
 */
export async function ask(bus: Pick<Bus, 'call'>, topic: string, request: unknown, options: AskOptions): Promise<Json> {
  const { clock, silence } = options
  const until = clock.now() + options.deadline_s * 1000
  let wait_s = FIRST_WAIT_S
  for (;;) {
    const deadline_s = Math.min(wait_s, (until - clock.now()) / 1000)
    try {
      return await bus.call(topic, request as Json, { deadline_s })
    } catch (error) {
      if (error instanceof BusTimeout) wait_s *= 2
      else if (error instanceof BusUnavailable) await clock.sleep(BUS_AWAY_PAUSE_MS)
      else throw error
      if (clock.now() >= until) throw unavailable(silence, error)
    }
  }
}
