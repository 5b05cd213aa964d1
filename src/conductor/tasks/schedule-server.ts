import { Type as T } from '@sinclair/typebox'
import { CELL0, findAccepted, findServer, lockServer, type Server, settleAtOnce, settleInCell, updateServer } from '../../cells/index.ts'
import { type PlanResult, SchedulerHints } from '../../contracts/index.ts'
import { Problem } from '../../kernel/index.ts'
import type { CellDb, Fragment, GlobalTx } from '../../platform/db/index.ts'
import { sentence } from '../../scheduler/index.ts'
import { step, type TaskContext, type TaskKind } from '../task.ts'
import { cancelTasks, insertTask, type Saved } from '../tasks.store.ts'
import { DELETE_DEADLINE_S } from './delete-server.ts'
import type { Attempt } from './decision.ts'
import { GuestSecrets } from './guest-secrets.ts'
import { type Owner, placeInCell0, placeOnHost, type Refusal } from './place.ts'
import { planRequestFor, seedOf, type Wanted } from './plan-request.ts'
import type { TaskPorts } from './ports.ts'

export const ScheduleInput = T.Object({
  project_name: T.String(),
  user_name: T.String(),
  force_host: T.Union([T.String(), T.Null()]),
  force_node: T.Union([T.String(), T.Null()]),
  requested_host: T.Optional(T.String()),
  requested_node: T.Optional(T.String()),
  hints: T.Optional(SchedulerHints),
  ...GuestSecrets,
})
type Context = TaskContext<typeof ScheduleInput.static>

const REFUSALS: Readonly<Record<Refusal, string>> = {
  'no room': 'It had no room left when it was claimed.',
  'group policy': 'Another server of the group was placed first, and the policy of the group forbids this host.',
}

/** Plans asked for before a server is given up because others were always faster. */
const MAX_PLANS = 5

/**
 * From an accepted request to a server in a cell: asks the scheduler, claims the first of its hosts that still has
 * room, and settles the mapping. What happens on the host is the task that placing it leaves in the cell.
 */
export function scheduleServer(ports: TaskPorts): TaskKind<GlobalTx, typeof ScheduleInput> {
  return {
    kind: 'server.schedule',
    input: ScheduleInput,
    deadline_s: 300,
    attempts: 1,
    steps: [
      step('place', {
        do: (context) => place(ports, context),
        recordAtOnce: (save, context, cellId) => settle(ports, save, context, cellId as string | null),
        undo: (context) => unplace(ports, context),
      }),
    ],
    async failed(tx, context, failure) {
      // Still accepted: nothing placed it, and nobody withdrew it. Its owner must see that it failed.
      const server = await findAcceptedIn(tx, context.subject)
      if (!server) return removeFrom(ports, context, ports.cells.get(CELL0))
      await placeInCell0(ports, context as TaskContext<Owner>, server, NO_PLAN, failure.message)
      await settleInCell(tx, context.subject, CELL0)
    },
  }
}

const NO_PLAN: PlanResult = { candidates: [], explanation: { hosts: 0, rejections: [] } }

async function settle(ports: TaskPorts, save: Fragment, context: Context, cellId: string | null) {
  const { global } = ports.cells
  if (cellId === null) return global.sql<Saved[]>`${save} returning cancelled`
  const saved = await settleAtOnce(global, context.subject, cellId, save)
  if (!saved) throw new Problem('conflict', 'The server was deleted while it was being scheduled.')
  return saved
}

async function findAcceptedIn(tx: GlobalTx, id: string): Promise<Server | null> {
  const [row] = await tx<Server[]>`select * from accepted_servers where id = ${id} for update`
  return row ?? null
}

/** @returns the cell that has the server now; null when the request was withdrawn. */
async function place(ports: TaskPorts, context: Context): Promise<string | null> {
  const placed = context.again ? await cellThatHas(ports, context.subject) : null
  if (placed) return placed
  const server = await findAccepted(ports.cells.global, context.subject)
  if (!server) return null
  const seed = seedOf(server.id)
  const wanted = wantedBy(server, context)
  const attempts: Attempt[] = []
  let plan = NO_PLAN
  for (let round = 0; round < MAX_PLANS; round++) {
    // Made anew for each plan: what it says of other servers changes.
    const request = await planRequestFor(wanted, { ...ports, count: ports.max_attempts, seed: seed + round })
    plan = await ports.planner.plan({ ...request, retry: attempts.map(placeOf) })
    if (plan.candidates.length === 0) break
    for (let index = 0; index < plan.candidates.length; index++) {
      const { cell_id, host, node } = plan.candidates[index]!
      const refusal = await placeOnHost(ports, context, server, plan, index, attempts)
      if (refusal === null) return cell_id
      attempts.push({ host, node, reason: REFUSALS[refusal] })
    }
  }
  const message =
    plan.candidates.length === 0
      ? sentence(plan.explanation)
      : 'No valid host was found: the chosen hosts were taken by other servers.'
  await placeInCell0(ports, context, server, plan, message, attempts)
  return CELL0
}

const placeOf = ({ host, node }: Attempt) => ({ host, node })

/** An earlier run may have placed it and been cut off; another plan might choose another cell. */
async function cellThatHas(ports: TaskPorts, id: string): Promise<string | null> {
  for (const cell of ports.cells.all()) if (await findServer(cell, id)) return cell.id
  return null
}

function wantedBy(server: Server, { input }: Context): Wanted {
  const { force_host, force_node, requested_host, requested_node, hints } = input
  return {
    server_id: server.id,
    project_id: server.project_id,
    flavor: server.flavor,
    image_id: server.image_id,
    image_properties: { ...server.image?.properties },
    availability_zone: server.availability_zone,
    force_host,
    force_node,
    ...(requested_host === undefined ? {} : { requested_host }),
    ...(requested_node === undefined ? {} : { requested_node }),
    ...(hints === undefined ? {} : { hints }),
    group_id: server.group_id,
  }
}

/** What an attempt has left in a cell with hosts. In cell0 is where a server that failed belongs, unless it is withdrawn. */
async function unplace(ports: TaskPorts, context: Context): Promise<void> {
  for (const cell of ports.cells.withHosts()) await removeFrom(ports, context, cell)
}

/**
 * Deletes the server there as any other, but for its mapping and quota: whoever withdrew the request has given them
 * back, and one that failed keeps them in cell0.
 */
async function removeFrom(ports: TaskPorts, context: Context, cell: CellDb): Promise<void> {
  const task = await cell.transaction(async (tx) => {
    const server = await lockServer(tx, context.subject)
    if (!server || server.task_state === 'deleting') return null
    await cancelTasks(tx, server.id)
    await updateServer(tx, server.id, { task_state: 'deleting', generation: server.generation + 2 })
    return insertTask(tx, {
      kind: 'server.delete',
      subject: server.id,
      request_id: context.request_id,
      input: { moved_on: true },
      deadline_s: DELETE_DEADLINE_S,
    })
  })
  if (task) ports.ring(cell.id, task)
}
