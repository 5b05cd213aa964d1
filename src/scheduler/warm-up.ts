import type { PlanRequest } from '../contracts/index.ts'
import type { Clock } from '../kernel/index.ts'
import { createFleet } from './fleet.ts'
import { imaginaryHost, imaginaryRequest } from './imaginary.ts'
import { seededRandom } from './random.ts'
import type { Snapshot } from './snapshot.ts'

const HOSTS = 1_024
const DECISIONS = 1_500
/** Time at a stretch: a request that arrives meanwhile waits no longer. */
const SLICE_MS = 2

/**
 * Makes decisions about hosts that do not exist, until the compilers have made machine code of the path: the first ones
 * run interpreted and take fifty times as long. Works in slices, and leaves off when `signal` aborts.
 */
export async function warmUp(
  decide: (snapshot: Snapshot, request: PlanRequest) => unknown,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const random = seededRandom(1)
  const fleet = createFleet({ service_down_time: 60 })
  let hosts = 0
  let decisions = 0
  while (decisions < DECISIONS && !signal.aborted) {
    const until = clock.now() + SLICE_MS
    do {
      if (hosts < HOSTS) fleet.put('imaginary', imaginaryHost(++hosts, random), 0)
      else decide(fleet, imaginaryRequest(++decisions, 1 + (decisions % 8)))
    } while (clock.now() < until && decisions < DECISIONS)
    await clock.sleep(0, signal)
  }
}
