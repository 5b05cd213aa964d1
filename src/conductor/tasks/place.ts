import {
  beginAction,
  CELL0,
  finishAction,
  insertServer,
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

/**
 * Puts the server on a host: its row, the claim and the task that builds it, in one transaction of the cell.
 * @returns false when the host has no room left by now.
 */
export async function placeOnHost(
  ports: TaskPorts,
  context: TaskContext<Owner>,
  server: Server,
  plan: PlanResult,
  index: number,
  attempts: readonly Attempt[] = [],
): Promise<boolean> {
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
    const hasRoom = await place(cell, placed, candidate.host_id, createAction(server, context), build)
    // Where there is none, the snapshot behind the plan was out of date for this host.
    ports.hostsChanged(cell.id, [candidate.host_id])
    if (hasRoom) ports.ring(cell.id, task)
    return hasRoom
  } catch (error) {
    // An earlier run of this step has placed it and was cut off before it could say so.
    if (isUniqueViolation(error)) return true
    throw error
  }
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
