import { Type as T } from '@sinclair/typebox'
import { lockServer, updateServer } from '../../cells/index.ts'
import type { Vif } from '../../contracts/index.ts'
import type { CellDb, CellTx } from '../../platform/db/index.ts'
import { none, step, type TaskContext, type TaskKind } from '../task.ts'
import { commandHost, commandIfReachable, serverOf } from './host-command.ts'
import { conclude } from './outcome.ts'
import type { TaskPorts } from './ports.ts'

const AttachInput = T.Object({
  request: T.Object({
    network_id: T.Optional(T.String()),
    port_id: T.Optional(T.String()),
    fixed_ip: T.Optional(T.String()),
    tag: T.Optional(T.String()),
  }),
  /** Of a port that is made for it. */
  new_port_id: T.String(),
})
type Attach = TaskContext<typeof AttachInput.static>

const ATTACH_EVENT = 'compute_attach_interface'
const DETACH_EVENT = 'compute_detach_interface'
const PLUG_DEADLINE_S = 60
/** A guest may need several requests to let go of a card. */
const UNPLUG_DEADLINE_S = 180

/** Gives a server another port, and plugs that into its guest. */
export function attachInterface(ports: TaskPorts, cell: CellDb): TaskKind<CellTx, typeof AttachInput> {
  return {
    kind: 'server.attach-interface',
    input: AttachInput,
    deadline_s: 300,
    attempts: 1,
    steps: [
      step('port', {
        do: (context) => givePort(ports, cell, context),
        undo: ({ subject, input }) =>
          ports.networks.detachFromServer(subject, input.request.port_id ?? input.new_port_id),
      }),
      step('plug', {
        async do(context) {
          const vif = context.output('port') as Vif
          const server = await serverOf(cell, context)
          await commandHost(ports, context, server, { verb: 'attach_interface', vif }, { deadline_s: PLUG_DEADLINE_S })
        },
        async record(tx, context) {
          const vif = context.output('port') as Vif
          await changeVifs(tx, context.subject, (vifs) => [...vifs.filter((each) => each.port_id !== vif.port_id), vif])
          await conclude(tx, context, { event: ATTACH_EVENT, changes: {} })
        },
        undo: (context) => unplug(ports, cell, context),
        deadline_s: PLUG_DEADLINE_S,
        patience_s: 10,
      }),
    ],
    failed: (tx, context, failure) => conclude(tx, context, { event: ATTACH_EVENT, changes: {}, failure }),
  }
}

async function givePort(ports: TaskPorts, cell: CellDb, { input, ...context }: Attach): Promise<Vif> {
  const server = await serverOf(cell, { ...context, input })
  return ports.networks.attachToServer({
    server_id: server.id,
    project_id: server.project_id,
    host: server.host ?? '',
    availability_zone: server.availability_zone ?? '',
    ...input,
  })
}

async function unplug(ports: TaskPorts, cell: CellDb, context: Attach): Promise<void> {
  const port_id = context.input.request.port_id ?? context.input.new_port_id
  const server = await serverOf(cell, context)
  const sending = { deadline_s: UNPLUG_DEADLINE_S, undo: true }
  await commandIfReachable(ports, context, server, { verb: 'detach_interface', port_id }, sending)
}

/** Under the server's lock: two that change its ports would else forget one of them. */
async function changeVifs(tx: CellTx, serverId: string, change: (vifs: readonly Vif[]) => Vif[]): Promise<void> {
  const server = await lockServer(tx, serverId)
  if (server) await updateServer(tx, serverId, { vifs: change(server.vifs) })
}

const DetachInput = T.Object({ port_id: T.String() })

/** Takes a port out of a server's guest, and away from the server. */
export function detachInterface(ports: TaskPorts, cell: CellDb): TaskKind<CellTx, typeof DetachInput> {
  return {
    kind: 'server.detach-interface',
    input: DetachInput,
    deadline_s: 600,
    attempts: 1,
    steps: [
      step('unplug', {
        async do(context) {
          const { port_id } = context.input
          const server = await serverOf(cell, context)
          const sending = { deadline_s: UNPLUG_DEADLINE_S }
          await commandHost(ports, context, server, { verb: 'detach_interface', port_id }, sending)
        },
        undo: none('the port is the server\'s still, and can be detached again'),
        deadline_s: UNPLUG_DEADLINE_S,
        patience_s: 30,
      }),
      step('port', {
        do: ({ subject, input }) => ports.networks.detachFromServer(subject, input.port_id),
        async record(tx, context) {
          const { port_id } = context.input
          await changeVifs(tx, context.subject, (vifs) => vifs.filter((vif) => vif.port_id !== port_id))
          await conclude(tx, context, { event: DETACH_EVENT, changes: {} })
        },
        undo: none('the port is gone or free'),
      }),
    ],
    failed: (tx, context, failure) => conclude(tx, context, { event: DETACH_EVENT, changes: {}, failure }),
  }
}
