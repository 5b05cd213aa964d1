import type { InstanceAction, InstanceActionEvent } from '../../../compute/index.ts'
import { naiveTime, naiveTimeOrNull } from '../times.ts'
import { defineView } from '../view.ts'
import { hostId } from './servers.ts'

const listed = (action: InstanceAction): Record<string, unknown> => ({
  action: action.action,
  instance_uuid: action.server_id,
  request_id: action.request_id,
  user_id: action.user_id,
  project_id: action.project_id,
  start_time: naiveTime(action.start_time),
  updated_at: naiveTime(action.updated_at),
  message: action.message,
})

export const actionListed = defineView<InstanceAction>('action.listed', listed)

export const actionShown = defineView<InstanceAction>('action', listed)

/** `project_id` of the action makes the opaque name of the host. */
export const actionEvent = defineView<{ event: InstanceActionEvent; project_id: string }>(
  'action.event',
  ({ event, project_id }, { can }) => ({
    event: event.event,
    start_time: naiveTime(event.start_time),
    finish_time: naiveTimeOrNull(event.finish_time),
    result: event.result,
    hostId: hostId(project_id, event.host),
    // Traces are in the log of whoever failed; the key is there for those who may see one.
    traceback: can('os_compute_api:os-instance-actions:events') ? null : undefined,
    host: can('os_compute_api:os-instance-actions:events') ? event.host : undefined,
    details: can('os_compute_api:os-instance-actions:events:details') ? event.details : undefined,
  }),
)
