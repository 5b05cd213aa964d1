import {
  beginAction,
  CELL0,
  findGroupRule,
  finishAction,
  type GroupRule,
  insertServer,
  lockGroup,
  mayJoin,
  place,
  type Server,
} from '../../cells/index.ts'
import type { Candidate, PlanResult } from '../../contracts/index.ts'
import { newId } from '../../kernel/index.ts'
import { type CellDb, isUniqueViolation } from '../../platform/db/index.ts'
import type { TaskContext } from '../task.ts'
import { insertTasks } from '../tasks.store.ts'
import { BUILD_DEADLINE_S } from './build-server.ts'
import { type Attempt, decisionOf } from './decision.ts'
import type { TaskPorts } from './ports.ts'

/** Who the server is built for, as the request's token named them. */
export interface Owner {
  readonly project_name: string
  readonly user_name: string
}

/** Why a host that was planned did not get the server: things have changed since. */
export type Refusal = 'no room' | 'group policy'

/**
 * Puts the server on a host: its row, the claim and the task that builds it, in one transaction of the cell.
 * @returns null when it is there
 */
export async function placeOnHost(
  ports: TaskPorts,
  context: TaskContext<Owner>,
  server: Server,
  plan: PlanResult,
  index: number,
  attempts: readonly Attempt[] = [],
): Promise<Refusal | null> {
  const candidate = plan.candidates[index] as Candidate
  const cell = ports.cells.get(candidate.cell_id)
  const alternates = plan.candidates.slice(index + 1).filter((other) => other.cell_id === candidate.cell_id)
  const task = newId()
  const now = new Date()
  const placed: Server = {
    ...server,
    task_state: 'networking',
    generation: server.generation + 2,
    explanation: decisionOf(plan, index, attempts, now),
    system_metadata: { owner_project_name: context.input.project_name, owner_user_name: context.input.user_name },
    updated_at: now,
  }
  const build = insertTasks(cell.sql, [
    {
      id: task,
      kind: 'server.build',
      subject: server.id,
      request_id: context.request_id,
      input: { ...context.input, alternates },
      deadline_s: BUILD_DEADLINE_S,
    },
  ])
  try {
    const rule = server.group_id === null ? null : await findGroupRule(ports.cells.global, server.group_id)
    const put = ({ sql }: Pick<CellDb, 'sql'>) =>
      place({ sql }, placed, candidate.host_id, createAction(server, context), build)
    const refusal = rule
      ? await placeInGroup(cell, rule, server.id, candidate.host_id, put)
      : (await put(cell)) ? null : 'no room'
    // Where there is none, the snapshot behind the plan was out of date for this host.
    ports.hostsChanged(cell.id, [candidate.host_id], [server.id])
    if (refusal === null) ports.ring(cell.id, task)
    return refusal
  } catch (error) {
    // An earlier run of this step has placed it and was cut off before it could say so.
    if (isUniqueViolation(error)) return null
    throw error
  }
}

/** Members of one group are placed one after the other, so that each sees those before it. */
function placeInGroup(
  cell: CellDb,
  rule: GroupRule,
  serverId: string,
  hostId: number,
  put: (db: Pick<CellDb, 'sql'>) => Promise<boolean>,
): Promise<Refusal | null> {
  return cell.transaction(async (tx) => {
    await lockGroup(tx, rule)
    if (!(await mayJoin(tx, rule, serverId, hostId))) return 'group policy'
    return (await put({ sql: tx })) ? null : 'no room'
  })
}

/** Keeps a server that found no host where its owner can see why, and delete it. */
export async function placeInCell0(
  ports: TaskPorts,
  context: TaskContext<Owner>,
  server: Server,
  plan: PlanResult,
  message: string,
  attempts: readonly Attempt[] = [],
): Promise<void> {
  const cell: CellDb = ports.cells.get(CELL0)
  const now = new Date()
  try {
    await cell.transaction(async (tx) => {
      await insertServer(tx, {
        ...server,
        vm_state: 'error',
        task_state: null,
        fault: { code: 500, message, created: now.toISOString() },
        explanation: decisionOf(plan, null, attempts, now),
        updated_at: now,
      })
      await beginAction(tx, createAction(server, context))
      await finishAction(tx, server.id, context.request_id, {
        event: 'conductor_schedule_and_build_instances',
        host: null,
        start_time: context.accepted_at,
        result: 'Error',
        details: message,
      })
    })
  } catch (error) {
    if (!isUniqueViolation(error)) throw error
  }
}

function createAction(server: Server, context: TaskContext<Owner>) {
  return {
    server_id: server.id,
    action: 'create',
    request_id: context.request_id,
    user_id: server.user_id,
    project_id: server.project_id,
    start_time: server.created_at,
  }
}
