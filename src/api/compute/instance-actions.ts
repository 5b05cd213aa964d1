import { Type as T } from '@sinclair/typebox'
import type { Compute } from '../../compute/index.ts'
import { badRequest } from '../../kernel/index.ts'
import { CountText, DateTime, dateTime, Once } from './fields.ts'
import { pageOf, paged } from './paging.ts'
import { type Asked, queryShape, resource, route } from './route.ts'
import { actionEvent, actionListed, actionShown } from './views/actions.ts'

const ActionsQuery = queryShape('actions', {
  limit: Once(CountText),
  marker: Once(T.String({ maxLength: 255 })),
  'changes-since': Once(DateTime),
  'changes-before': Once(DateTime),
})

const deleted = ({ does }: Asked): { deleted: boolean } => ({ deleted: does('actions-of-deleted-servers') })

/** What was done to a server, by whom and how it ended. */
export function instanceActions({ servers }: Compute, { maxLimit }: { maxLimit: number }) {
  return resource('os-instance-actions', [
    route('GET', '/servers/:server_id/os-instance-actions', {
      policy: 'os_compute_api:os-instance-actions:list',
      query: ActionsQuery,
      ok: 200,
      async handle(req) {
        const since = req.query['changes-since']?.[0]
        const before = req.query['changes-before']?.[0]
        const page = pageOf(req.query, maxLimit)
        const asked = {
          ...page,
          changes_since: since === undefined ? null : dateTime(since),
          changes_before: before === undefined ? null : dateTime(before),
        }
        if (asked.changes_since && asked.changes_before && asked.changes_since > asked.changes_before) {
          throw badRequest('The value of changes-since must be less than or equal to changes-before.')
        }
        const items = await servers.actions(req.ctx, req.params.server_id!, asked, deleted(req))
        return paged(req, 'instanceActions', items, {
          view: actionListed,
          page: req.does('actions-in-pages') ? page : null,
          marker: (action) => action.request_id,
          links: 'links',
        })
      },
    }),

    route('GET', '/servers/:server_id/os-instance-actions/:request_id', {
      policy: 'os_compute_api:os-instance-actions:show',
      ok: 200,
      async handle(req) {
        const { server_id, request_id } = req.params
        const { action, events } = await servers.action(req.ctx, server_id!, request_id!, deleted(req))
        const maySeeEvents = req.does('own-action-events') || req.can('os_compute_api:os-instance-actions:events')
        return {
          instanceAction: {
            ...req.as(actionShown, action),
            events: maySeeEvents
              ? events.map((event) => req.as(actionEvent, { event, project_id: action.project_id }))
              : undefined,
          },
        }
      },
    }),
  ])
}
