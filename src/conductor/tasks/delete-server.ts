import { Type as T } from '@sinclair/typebox'
import { claimedHosts, findServer, finishAction, forget, lockServer, releaseClaims, updateServer } from '../../cells/index.ts'
import type { CellDb, CellTx } from '../../platform/db/index.ts'
import { none, step, type TaskKind } from '../task.ts'
import { destroyIfReachable } from './host-command.ts'
import type { TaskPorts } from './ports.ts'

export const DeleteInput = T.Object({
  /** The server goes on elsewhere, with its mapping and its quota: only what it holds in this cell is removed. */
  moved_on: T.Optional(T.Boolean()),
})

/** A delete is never given up, so this is only what its row says. */
export const DELETE_DEADLINE_S = 7 * 24 * 3600

const ONWARDS = 'a delete only goes forward'

/** Removes the guest, its ports, its claim, its row and its share of the quota. Wins from any state. */
export function deleteServer(ports: TaskPorts, cell: CellDb): TaskKind<CellTx, typeof DeleteInput> {
  return {
    kind: 'server.delete',
    input: DeleteInput,
    deadline_s: DELETE_DEADLINE_S,
    attempts: Number.POSITIVE_INFINITY,
    steps: [
      step('destroy', {
        async do(context) {
          const server = await findServer(cell, context.subject)
          if (!server) return
          const shelved = server.system_metadata?.shelved_image_id
          if (shelved !== undefined) await ports.snapshots.discard(shelved)
          // One that moves has something on each host on which it has a share.
          const hosts = new Set([...(server.host ? [server.host] : []), ...(await claimedHosts(cell, server.id))])
          // As old as what a task before it may have sent to take its work back: a host refuses what is older.
          for (const host of hosts) await destroyIfReachable(ports, context, server, { undo: true, host })
        },
        undo: none(ONWARDS),
      }),
      step('network', {
        do: (context) => ports.networks.releaseForServer(context.subject),
        async record(tx, context) {
          const server = await lockServer(tx, context.subject)
          const changed = await releaseClaims(tx, context.subject)
          context.afterCommit(() => ports.hostsChanged(cell.id, changed))
          if (!server) return
          const now = new Date()
          await finishAction(tx, context.subject, context.request_id, {
            event: 'compute_terminate_instance',
            host: server.host,
            start_time: context.accepted_at,
            result: 'Success',
            details: null,
          })
          await updateServer(tx, context.subject, {
            vm_state: 'deleted',
            task_state: null,
            power_state: 0,
            vifs: [],
            terminated_at: now,
            deleted_at: now,
          })
        },
        undo: none(ONWARDS),
      }),
      step('forget', {
        async do({ subject, input }) {
          if (!input.moved_on) await ports.cells.global.transaction((tx) => forget(tx, subject))
        },
        undo: none(ONWARDS),
      }),
    ],
    retry: async (_tx, context) => ({ after_s: Math.min(60, 2 ** context.attempt) }),
    failed: async () => {},
  }
}
