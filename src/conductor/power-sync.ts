import { lockServer, noteReport, POWER, type Server, updateServer, type VmState } from '../cells/index.ts'
import type { PowerState } from '../contracts/index.ts'
import { newRequestId } from '../kernel/index.ts'
import type { CellDb } from '../platform/db/index.ts'
import type { Logger } from '../platform/log/index.ts'
import { insertTask } from './tasks.store.ts'

type Reaction = 'stopped' | 'stop the guest' | 'nothing'

/**
 * What follows when a guest's power state is not the one its server should have: Nova's rules for power-state sync.
 * A state that is not listed is only noted down.
 */
const REACTIONS: Partial<Record<VmState, Partial<Record<PowerState, Reaction>>>> = {
  active: { shutdown: 'stopped', crashed: 'stopped', suspended: 'stopped' },
  stopped: { running: 'stop the guest', paused: 'stop the guest' },
  paused: { shutdown: 'stopped', crashed: 'stopped' },
}

const STOP_DEADLINE_S = 300

/** What a host says of a guest; `sent_at` is the host's clock, milliseconds since the epoch. */
export interface PowerReport {
  readonly host: string
  readonly sent_at: number
  readonly server_id: string
  readonly power_state: PowerState
}

/**
 * Takes in what a host says of one of its guests. A server that a task is busy with is left alone: the task knows
 * better what its guest is going through.
 * @returns the task to ring for, or null.
 */
export async function syncPower(cell: CellDb, report: PowerReport, log: Logger): Promise<string | null> {
  const { server_id: id, power_state: power } = report
  return cell.transaction(async (tx) => {
    const server = await lockServer(tx, id)
    if (!server || server.host !== report.host || server.task_state !== null) return null
    // Conductors share the events of a host, so the last one sent need not be the last to arrive.
    const power_reported_at = new Date(report.sent_at)
    if (server.power_reported_at && server.power_reported_at >= power_reported_at) return null
    const reaction = REACTIONS[server.vm_state]?.[power] ?? 'nothing'
    if (server.power_state === POWER[power] && reaction === 'nothing') {
      // Noted all the same: an older word that comes after it must not be believed.
      await noteReport(tx, id, power_reported_at)
      return null
    }
    log.info({ instance: id, vm_state: server.vm_state, power_state: power, reaction }, 'the guest changed its power state')
    await updateServer(tx, id, { power_state: POWER[power], power_reported_at, ...change(server, reaction) })
    if (reaction !== 'stop the guest') return null
    return insertTask(tx, {
      kind: 'server.stop',
      subject: id,
      request_id: newRequestId(),
      input: {},
      deadline_s: STOP_DEADLINE_S,
    })
  })
}

function change(server: Server, reaction: Reaction): Partial<Server> {
  if (reaction === 'stopped') return { vm_state: 'stopped' }
  if (reaction === 'stop the guest') return { task_state: 'powering-off', generation: server.generation + 2 }
  return {}
}
