import { Type as T } from '@sinclair/typebox'
import type { Compute, ServerScheduling } from '../../compute/index.ts'
import { AddedHosts, type Assumptions, type Candidate, type Explanation, type WhatIfResult } from '../../contracts/index.ts'
import { closed } from './changes.ts'
import { bodyShape, resource, route } from './route.ts'
import { createFields, createRequest, hintFields } from './server-create.ts'
import { serverSubject } from './servers.ts'

/** Hosts named in one assumption, and kinds of hosts that one adds. */
const MAX_NAMED_HOSTS = 1_000
const MAX_ADDED = 100
const HostNames = T.Optional(T.Array(T.String({ minLength: 1, maxLength: 255 }), { maxItems: MAX_NAMED_HOSTS }))

/** The body of a create, to ask what would become of it. */
const WhatIf = bodyShape('server.create', createFields, (server) =>
  closed({
    server,
    ...hintFields,
    assume: T.Optional(
      closed({
        down: HostNames,
        disabled: HostNames,
        added: T.Optional(T.Array(closed(AddedHosts.properties), { maxItems: MAX_ADDED })),
      }),
    ),
  }),
)

const NOTHING_ASSUMED: Assumptions = { down: [], disabled: [], added: [] }

/** Why servers are where they are, and where others would be. Our own extension: at every microversion the same. */
export function scheduling(compute: Compute) {
  const { servers } = compute

  return resource('os-scheduling', [
    route('GET', '/servers/:server_id/os-scheduling', {
      policy: 'os_compute_api:os-scheduling:show',
      subject: serverSubject(compute),
      ok: 200,
      handle({ subject, can }) {
        const named = can('os_compute_api:os-scheduling:show:hosts')
        return { scheduling: shown(servers.scheduling(subject.located), named) }
      },
    }),

    route('POST', '/os-scheduling/what-if', {
      policy: 'os_compute_api:os-scheduling:what-if',
      body: WhatIf,
      ok: 200,
      async handle(req) {
        const { assume } = req.body
        if (assume !== undefined) req.must('os_compute_api:os-scheduling:what-if:assume')
        const wanted = createRequest(req)
        const result = await servers.whatIf(req.ctx, wanted, { ...NOTHING_ASSUMED, ...assume })
        const named = req.can('os_compute_api:os-scheduling:what-if:hosts')
        return { what_if: { servers: wanted.max_count, ...answered(result, named) } }
      },
    }),
  ])
}

/** @param named whether hosts may be told by name; else they are only counted */
function shown({ server_id, state, decision }: ServerScheduling, named: boolean) {
  if (decision === null) return { server_id, state }
  const { chosen, alternates, attempts } = decision
  return {
    server_id,
    state,
    decided_at: decision.decided_at,
    ...explained(decision),
    attempts: attempts.map(({ reason, ...place }) => (named ? { ...place, reason } : { reason })),
    ...(named
      ? { chosen: chosen && candidate(chosen), alternates: alternates.map(candidate) }
      : { alternates: alternates.length }),
  }
}

function answered({ hosts, placed, more, first, blocked }: WhatIfResult, named: boolean) {
  return {
    hosts,
    placed: placed.length,
    more: more.servers,
    /** There may be room for still more: the count ends somewhere. */
    more_is_at_least: more.at_least,
    first: explained(first),
    blocked_by: blocked && explained(blocked),
    ...(named ? { placements: placed.map(candidate) } : {}),
  }
}

const explained = ({ hosts, rejections }: Explanation) => ({
  hosts,
  rejections: rejections.map(({ filter, hosts: rejected, says, shortfall }) => ({
    filter,
    hosts: rejected,
    reason: says,
    ...(shortfall ? { shortfall } : {}),
  })),
})

const candidate = ({ cell_id, host, node, weight, weights }: Candidate) => ({ cell: cell_id, host, node, weight, weights })
