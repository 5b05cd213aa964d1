import type { Compute } from '../../compute/index.ts'
import { ALL_EVENTS, ExternalEvents } from './external-event-fields.ts'
import { canonicalUuid } from './fields.ts'
import { bodyShape, Reply, resource, route } from './route.ts'

const EventsCreate = bodyShape('external_events', { events: ExternalEvents(ALL_EVENTS) }, (inner) => inner)

/** Events that say nothing without a tag, and what it may be. */
const NEEDS_TAG: Readonly<Record<string, RegExp>> = {
  'volume-extended': /./,
  'volume-reimaged': /./,
  'accelerator-request-bound': /./,
  'power-update': /^POWER_(ON|OFF)$/,
}

/**
 * What other services report of servers. Networks are wired here before a guest starts, and there are no volumes or
 * accelerators, so that nobody waits for an event: each is checked, answered and written to the log.
 */
export function externalEvents({ servers }: Compute) {
  return resource('os-server-external-events', [
    route('POST', '/os-server-external-events', {
      policy: 'os_compute_api:os-server-external-events:create',
      body: EventsCreate,
      ok: 200,
      async handle({ call, body: { events } }) {
        const ids = [...new Set(events.map(({ server_uuid }) => canonicalUuid(server_uuid)))]
        const placed = await servers.whetherPlaced(ids)
        const answered = events.map((event) => {
          const code = codeOf(event, placed.get(canonicalUuid(event.server_uuid)))
          return { ...event, status: event.status ?? 'completed', tag: event.tag ?? null, code }
        })
        const accepted = answered.filter(({ code }) => code === 200)
        for (const { name, server_uuid, status, tag } of accepted) {
          call.log.info({ event: name, server_id: server_uuid, status, tag }, 'an external event was received')
        }
        return new Reply({ events: answered }, {}, accepted.length === answered.length ? 200 : 207)
      },
    }),
  ])
}

/** @param placed whether the server has a host; undefined where there is no such server */
function codeOf({ name, tag }: { name: string; tag?: string }, placed: boolean | undefined): number {
  if (placed === undefined) return 404
  if (!placed) return 422
  return NEEDS_TAG[name] && !NEEDS_TAG[name].test(tag ?? '') ? 400 : 200
}
