import { Type as T } from '@sinclair/typebox'
import {
  claim,
  findGroupRule,
  finishAction,
  lockGroup,
  lockHosts,
  lockServer,
  mayJoin,
  recordBuilt,
  recordClaim,
  recordPorts,
  releaseClaims,
  type Server,
  updateServer,
} from '../../cells/index.ts'
import { Candidate, type Vif } from '../../contracts/index.ts'
import type { CellDb, CellTx, Fragment } from '../../platform/db/index.ts'
import { type Failure, step, type TaskContext, type TaskKind } from '../task.ts'
import { movedOn } from './decision.ts'
import { BUILD_COMMAND_DEADLINE_S, commandHost, destroyIfReachable, serverOf } from './host-command.ts'
import { GuestSecrets } from './guest-secrets.ts'
import { bootImages, instanceOf } from './instance.ts'
import type { TaskPorts } from './ports.ts'

export const BuildInput = T.Object({
  project_name: T.String(),
  user_name: T.String(),
  /** Hosts to try after the first, in order. */
  alternates: T.Array(Candidate),
  ...GuestSecrets,
})
type Context = TaskContext<typeof BuildInput.static>

export const BUILD_DEADLINE_S = 1800

/** From a claim on a host to a running guest; when the host fails, the next alternate is tried. */
export function buildServer(ports: TaskPorts, cell: CellDb): TaskKind<CellTx, typeof BuildInput> {
  return {
    kind: 'server.build',
    input: BuildInput,
    deadline_s: BUILD_DEADLINE_S,
    attempts: ports.max_attempts,
    steps: [
      step('network', {
        do: async (context) => allocate(ports, await serverOf(cell, context), !context.again && context.attempt === 0),
        recordAtOnce: (save, context, vifs) => recordPorts(cell, context.subject, vifs as Vif[], save),
        undo: (context) => ports.networks.releaseForServer(context.subject),
      }),
      step('spawn', {
        do: (context) => spawn(ports, cell, context),
        recordAtOnce: (save, context, host) => finishBuild(ports, cell, save, context, host as string),
        undo: async (context) => destroyIfReachable(ports, context, await serverOf(cell, context), { undo: true }),
        deadline_s: BUILD_COMMAND_DEADLINE_S,
        // Another host is a better bet than waiting for this one.
        patience_s: 0,
      }),
    ],
    retry: (tx, context, failure) => moveToAlternate(ports, cell, tx, context, failure),
    failed: (tx, context, failure) => markFailed(ports, cell, tx, context, failure),
  }
}

function allocate(ports: TaskPorts, server: Server, first: boolean): Promise<Vif[]> {
  return ports.networks.allocateForServer({
    server_id: server.id,
    project_id: server.project_id,
    host: server.host ?? '',
    availability_zone: server.availability_zone ?? '',
    requests: server.requested_networks ?? 'auto',
    security_groups: server.security_groups.map((group) => group.id ?? group.name),
    first,
  })
}

/** @returns the host that the guest runs on. */
async function spawn(ports: TaskPorts, cell: CellDb, context: Context): Promise<string | null> {
  const server = await serverOf(cell, context)
  const { project_name, user_name, admin_password, personality } = context.input
  const built = instanceOf(server, {
    name_template: ports.instance_name_template,
    project_name,
    user_name,
    image: server.image_id ? await ports.images.imageSource(server.image_id) : null,
    vifs: context.output('network') as Vif[],
  })
  const instance = {
    ...built,
    ...(await bootImages(ports, server)),
    ...(admin_password === undefined ? {} : { admin_password }),
    ...(personality === undefined ? {} : { personality }),
  }
  await commandHost(ports, context, server, { verb: 'spawn', instance }, { deadline_s: BUILD_COMMAND_DEADLINE_S })
  return server.host
}

async function finishBuild(ports: TaskPorts, cell: CellDb, save: Fragment, context: Context, host: string) {
  const event = 'compute__do_build_and_run_instance'
  const action = { request_id: context.request_id, event, host, start_time: context.accepted_at }
  const saved = await recordBuilt(cell, context.subject, action, save)
  // One build less on the host.
  context.afterCommit(() => ports.hostsChanged(cell.id, saved.flatMap(({ host_ids }) => host_ids)))
  return saved
}

/** Moves the claim to the next alternate with room. An image that is at fault would fail there too. */
async function moveToAlternate(
  ports: TaskPorts,
  cell: CellDb,
  tx: CellTx,
  context: Context,
  failure: Failure,
): Promise<{ after_s: number } | null> {
  if (failure.kind === 'bad_request') return null
  const server = await lockServer(tx, context.subject)
  if (!server || server.task_state === 'deleting') return null
  // Those before the one that failed had no room when it was chosen.
  const failed = context.input.alternates.findLastIndex(({ host, node }) => host === server.host && node === server.node)
  const untried = context.input.alternates.slice(failed + 1)
  const rule = server.group_id === null ? null : await findGroupRule(ports.cells.global, server.group_id)
  if (rule) await lockGroup(tx, rule)
  await lockHosts(tx, server.id, untried.map((candidate) => candidate.host_id))
  const changed = await releaseClaims(tx, server.id, { failedBuild: true })
  for (const candidate of untried) {
    if (rule && !(await mayJoin(tx, rule, server.id, candidate.host_id))) continue
    const place = await claim(tx, candidate.host_id, server.flavor)
    if (!place) continue
    await recordClaim(tx, server.id, candidate.host_id, server.flavor)
    const tried = { host: server.host ?? '', node: server.node ?? '', reason: failure.message }
    await updateServer(tx, server.id, {
      ...place,
      task_state: 'networking',
      vifs: [],
      generation: server.generation + 2,
      explanation: movedOn(server.explanation, tried, candidate),
    })
    context.afterCommit(() => ports.hostsChanged(cell.id, [...changed, candidate.host_id]))
    context.log.info({ from: server.host, to: place.host, reason: failure.message }, 'trying the next host')
    return { after_s: 0 }
  }
  context.afterCommit(() => ports.hostsChanged(cell.id, changed))
  return null
}

const isHostsFault = ({ kind }: Failure): boolean => kind !== 'bad_request' && kind !== 'cancelled'

async function markFailed(
  ports: TaskPorts,
  cell: CellDb,
  tx: CellTx,
  context: Context,
  failure: Failure,
): Promise<void> {
  const server = await lockServer(tx, context.subject)
  const changed = await releaseClaims(tx, context.subject, { failedBuild: isHostsFault(failure) })
  context.afterCommit(() => ports.hostsChanged(cell.id, changed))
  if (!server) return
  const message =
    context.attempt > 0
      ? `Exceeded maximum number of retries. Exhausted all hosts available for retrying build failures for instance ${server.id}. Last failure: ${failure.message}`
      : `Build of instance ${server.id} aborted: ${failure.message}`
  await updateServer(tx, server.id, {
    vm_state: 'error',
    task_state: server.task_state === 'deleting' ? 'deleting' : null,
    host: null,
    node: null,
    vifs: [],
    fault: {
      code: 500,
      message,
      created: new Date().toISOString(),
      ...(failure.details ? { details: failure.details } : {}),
    },
  })
  await finishAction(tx, server.id, context.request_id, {
    event: 'compute__do_build_and_run_instance',
    host: server.host,
    start_time: context.accepted_at,
    result: 'Error',
    details: failure.message,
  })
}
