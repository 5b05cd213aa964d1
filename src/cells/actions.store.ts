import type { CellDb, CellTx } from '../platform/db/index.ts'

/** One thing somebody asked of a server; its id in the API is the request's. */
export interface InstanceAction {
  readonly id: number
  readonly server_id: string
  readonly action: string
  readonly request_id: string
  readonly user_id: string
  readonly project_id: string
  readonly start_time: Date
  readonly updated_at: Date
  /** null, or `Error`. */
  readonly message: string | null
}

export interface InstanceActionEvent {
  readonly event: string
  readonly host: string | null
  readonly start_time: Date
  readonly finish_time: Date | null
  readonly result: 'Success' | 'Error' | null
  readonly details: string | null
}

export type NewAction = Pick<InstanceAction, 'server_id' | 'action' | 'request_id' | 'user_id' | 'project_id' | 'start_time'>

export async function beginAction(tx: CellTx, action: NewAction): Promise<void> {
  await tx`insert into instance_actions ${tx(action)}`
}

/** Closes the action with the one event that did it: what ran, where, how it ended. */
export async function finishAction(
  tx: CellTx,
  serverId: string,
  requestId: string,
  event: Omit<InstanceActionEvent, 'finish_time'>,
): Promise<void> {
  await tx`
    with closed as (
      update instance_actions set
        updated_at = now(),
        message = ${event.result === 'Error' ? 'Error' : null}
      where server_id = ${serverId} and request_id = ${requestId}
      returning id
    )
    insert into instance_action_events (action_id, event, host, start_time, finish_time, result, details)
    select id, ${event.event}, ${event.host}, ${event.start_time}, now(), ${event.result}, ${event.details} from closed`
}

export interface ActionPage {
  readonly limit: number
  /** Request id of the last action of the page before. */
  readonly marker: string | null
  readonly changes_since: Date | null
  readonly changes_before: Date | null
}

/** Newest first. */
export async function listActions(db: CellDb, serverId: string, page: ActionPage): Promise<InstanceAction[]> {
  return db.sql<InstanceAction[]>`
    select * from instance_actions
    where server_id = ${serverId}
      and (${page.changes_since}::timestamptz is null or updated_at >= ${page.changes_since})
      and (${page.changes_before}::timestamptz is null or updated_at <= ${page.changes_before})
      and (${page.marker}::text is null or id < (
        select min(id) from instance_actions where server_id = ${serverId} and request_id = ${page.marker}))
    order by id desc limit ${page.limit}`
}

export async function findAction(
  db: CellDb,
  serverId: string,
  requestId: string,
): Promise<{ action: InstanceAction; events: InstanceActionEvent[] } | null> {
  const [action] = await db.sql<InstanceAction[]>`
    select * from instance_actions where server_id = ${serverId} and request_id = ${requestId}
    order by id desc limit 1`
  if (!action) return null
  const events = await db.sql<InstanceActionEvent[]>`
    select event, host, start_time, finish_time, result, details from instance_action_events
    where action_id = ${action.id} order by id desc`
  return { action, events }
}
