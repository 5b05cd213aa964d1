import type { PlanRequest } from '../contracts/index.ts'
import { createFleet } from './fleet.ts'
import { imaginaryHost, imaginaryRequest } from './imaginary.ts'
import { seededRandom } from './random.ts'
import type { Snapshot } from './snapshot.ts'

const HOSTS = 256
const DECISIONS = 1_500
/** Time at a stretch: a request that arrives meanwhile waits no longer. */
const SLICE_MS = 2

/**
 * Makes decisions about hosts that do not exist, until the compilers have made machine code of the path: the first ones
 * run interpreted and take a hundred times as long. Works in slices, and leaves off when `signal` aborts.
 */
export async function warmUp(
  decide: (snapshot: Snapshot, request: PlanRequest) => unknown,
  signal: AbortSignal,
): Promise<void> {
  const random = seededRandom(1)
  const fleet = createFleet({ service_down_time: 60 })
  let hosts = 0
  let decisions = 0
  while (decisions < DECISIONS) {
    await new Promise(setImmediate)
    if (signal.aborted) return
    const until = performance.now() + SLICE_MS
    do {
      if (hosts < HOSTS) fleet.put('imaginary', imaginaryHost(++hosts, random), 0)
      else decide(fleet, imaginaryRequest(++decisions, 1 + (decisions % 8)))
    } while (performance.now() < until && decisions < DECISIONS)
  }
}
