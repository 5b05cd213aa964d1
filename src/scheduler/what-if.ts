import {
  demand,
  MAX_WHAT_IF_MORE,
  type PlanGroup,
  type PlanRequest,
  type PlanResult,
  type WhatIfRequest,
  type WhatIfResult,
} from '../contracts/index.ts'
import { unavailable } from '../kernel/index.ts'
import { assumedHosts } from './assume.ts'
import { createFleet, type Fleet, NOTHING } from './fleet.ts'
import type { Demand, Host } from './host.ts'
import type { Plan } from './plan.ts'
import type { Snapshot } from './snapshot.ts'
import { sum } from './taken.ts'

export interface WhatIfParts {
  /** The hosts as the scheduler knows them; they are copied, never changed. */
  readonly hosts: readonly Host[]
  readonly options: { readonly service_down_time: number }
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly decide: (snapshot: Snapshot, request: PlanRequest) => Plan
  readonly render: (plan: Plan) => PlanResult
  readonly signal: AbortSignal
}

/** Time at a stretch: a real decision that arrives meanwhile waits no longer. */
const SLICE_MS = 2
/** Work of one question in all, milliseconds; what is not counted by then is told as `at_least`. */
const BUDGET_MS = 5_000

/**
 * Plays servers through the same decisions that real ones get, on a copy of the hosts: first those asked for, then as
 * many more of the same as fit.
 * @throws {Problem} bad_request for an assumption that cannot be made
 */
export async function whatIf(asked: WhatIfRequest, parts: WhatIfParts): Promise<WhatIfResult> {
  const slices = inSlices(parts.signal)
  const copy = await copied(asked, parts, slices)
  const placed: WhatIfResult['placed'] = []
  let { request } = asked
  let first: PlanResult | undefined
  let blocked: PlanResult | undefined
  let more = 0
  while (!blocked && more < MAX_WHAT_IF_MORE && !slices.spent()) {
    await slices.pause()
    const plan = parts.decide(copy, request)
    const [winner] = plan.candidates
    // Rendered only where it is told: sentences cost more than the decision.
    if (!first || !winner || placed.length < asked.servers) {
      const result = parts.render(plan)
      first ??= result
      const [candidate] = result.candidates
      if (candidate) placed.push(candidate)
      else blocked = result
    } else more++
    if (!winner) continue
    take(copy, winner.host)
    request = after(request, winner.host)
  }
  return {
    hosts: copy.size,
    placed,
    more: { servers: more, at_least: blocked === undefined },
    first: first?.explanation ?? { hosts: copy.size, rejections: [] },
    blocked: blocked?.explanation ?? null,
  }

  function take(fleet: Fleet, { slot, taken }: Host): void {
    fleet.take(slot, sum(taken, { ...demand(asked.request.flavor), servers: 1 }))
  }
}

async function copied({ assume }: WhatIfRequest, parts: WhatIfParts, slices: Slices): Promise<Fleet> {
  const copy = createFleet(parts.options)
  for (const { cell_id, row, taken } of assumedHosts(parts.hosts, assume, parts.now)) {
    await slices.pause()
    copy.put(cell_id, row, parts.now)
    const slot = copy.slotOf(cell_id, row.id)
    if (slot !== undefined && !isNothing(taken)) copy.take(slot, taken)
  }
  return copy
}

const isNothing = (taken: Demand): boolean => taken === NOTHING || taken.servers === 0

/** The request of the next server: another draw where chance decides, one member more in its group. */
function after(request: PlanRequest, { row }: Host): PlanRequest {
  const next = { ...request, seed: request.seed + 1 }
  return request.group ? { ...next, group: joined(request.group, row.host) } : next
}

function joined(group: PlanGroup, host: string): PlanGroup {
  const known = group.members.find((member) => member.host === host)
  const others = group.members.filter((member) => member.host !== host)
  return { ...group, members: [...others, { host, servers: (known?.servers ?? 0) + 1 }] }
}

interface Slices {
  /** Lets others run where the slice is over. @throws {Problem} unavailable when the scheduler stops */
  pause(): Promise<void> | undefined
  spent(): boolean
}

function inSlices(signal: AbortSignal): Slices {
  let until = performance.now() + SLICE_MS
  let worked = 0
  return {
    pause() {
      const over = performance.now() - until
      if (over < 0) return undefined
      worked += SLICE_MS + over
      return new Promise<void>(setImmediate).then(() => {
        if (signal.aborted) throw unavailable('The scheduler stops.')
        until = performance.now() + SLICE_MS
      })
    },
    spent: () => worked > BUDGET_MS,
  }
}
