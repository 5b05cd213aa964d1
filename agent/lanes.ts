import { type Clock, unavailable } from '../src/kernel/index.ts'

/** One lane per server: what is done to a server is done one thing after the other, in the order of arrival. */
export interface Lanes {
  /**
   * Does `work` when all that entered this lane before has ended.
   * @throws {Problem} `unavailable` when the lane is full, or when its turn has not come after `LANE_WAIT_S`.
   */
  enter<T>(serverId: string, work: () => Promise<T>): Promise<T>
  /** Whether something is done to the server now, or waits to be. */
  busy(serverId: string): boolean
}

/** How long work waits for its turn; a verb that hangs holds up its own server only, and not without an answer. */
export const LANE_WAIT_S = 120
/** Work that may be in a lane at once. */
export const LANE_LENGTH = 16

export function createLanes(clock: Clock): Lanes {
  const lanes = new Map<string, { tail: Promise<unknown>; length: number }>()

  function enter<T>(serverId: string, work: () => Promise<T>): Promise<T> {
    const lane = lanes.get(serverId)
    if (!lane) {
      const only = { tail: Promise.resolve() as Promise<unknown>, length: 0 }
      lanes.set(serverId, only)
      return queue(serverId, only, work())
    }
    if (lane.length >= LANE_LENGTH) return Promise.reject(busyWith())
    return queue(serverId, lane, afterTurn(lane.tail, work))
  }

  function queue<T>(serverId: string, lane: { tail: Promise<unknown>; length: number }, mine: Promise<T>): Promise<T> {
    lane.length++
    const left = (): void => {
      if (--lane.length === 0) lanes.delete(serverId)
    }
    lane.tail = Promise.all([lane.tail, mine.then(left, left)])
    return mine
  }

  /** Waits for `before`, at most `LANE_WAIT_S`; what gave up is not done when its turn comes after all. */
  async function afterTurn<T>(before: Promise<unknown>, work: () => Promise<T>): Promise<T> {
    const turn = new AbortController()
    const waited = clock.sleep(LANE_WAIT_S * 1000, turn.signal).then(() => 'waited' as const)
    const first = await Promise.race([before.then(() => 'turn' as const), waited])
    turn.abort()
    if (first === 'waited') throw busyWith()
    return work()
  }

  return { enter, busy: (serverId) => lanes.has(serverId) }
}

const busyWith = (): Error => unavailable('The host is still busy with an earlier command for this server.')
