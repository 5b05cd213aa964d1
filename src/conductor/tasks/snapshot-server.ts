import { Type as T } from '@sinclair/typebox'
import type { CellDb, CellTx } from '../../platform/db/index.ts'
import { none, step, type TaskContext, type TaskKind } from '../task.ts'
import { commandHost, serverOf } from './host-command.ts'
import { conclude } from './outcome.ts'
import type { TaskPorts } from './ports.ts'

export const SnapshotInput = T.Object({
  /** Queued; it is deleted when nothing comes of it. */
  image_id: T.String(),
  /** Of a backup: how many of its kind are kept, itself among them. */
  backup: T.Union([T.Object({ backup_type: T.String(), keep: T.Integer() }), T.Null()]),
})
type Context = TaskContext<typeof SnapshotInput.static>

/** A large disk over a slow link. */
export const SNAPSHOT_DEADLINE_S = 7200

/** Makes an image of a server's disk, and for a backup drops those that are older than the last few. */
export function snapshotServer(ports: TaskPorts, cell: CellDb): TaskKind<CellTx, typeof SnapshotInput> {
  return {
    kind: 'server.snapshot',
    input: SnapshotInput,
    deadline_s: SNAPSHOT_DEADLINE_S * 2,
    attempts: 1,
    steps: [
      step('upload', {
        do: (context) => upload(ports, cell, context, context.input.image_id),
        undo: ({ input }) => ports.snapshots.discard(input.image_id),
        deadline_s: SNAPSHOT_DEADLINE_S,
        patience_s: 60,
      }),
      step('rotate', {
        async do(context) {
          const { backup } = context.input
          if (!backup) return
          const { id: server_id, project_id } = await serverOf(cell, context)
          await ports.snapshots.rotate({ server_id, project_id, ...backup })
        },
        record: (tx, context) => conclude(tx, context, { event: eventOf(context), changes: {} }),
        undo: none('what was too old is gone'),
      }),
    ],
    failed: (tx, context, failure) => conclude(tx, context, { event: eventOf(context), changes: {}, failure }),
  }
}

const eventOf = ({ input }: Context): string => (input.backup ? 'compute_backup_instance' : 'compute_snapshot_instance')

/** Has the host upload the server's disk, unless the image is there already. */
export async function upload(
  ports: TaskPorts,
  cell: CellDb,
  context: TaskContext<unknown>,
  imageId: string,
): Promise<void> {
  const target = await ports.snapshots.target(imageId)
  if (!target) return
  const server = await serverOf(cell, context)
  await commandHost(ports, context, server, { verb: 'snapshot', target }, { deadline_s: SNAPSHOT_DEADLINE_S })
}
