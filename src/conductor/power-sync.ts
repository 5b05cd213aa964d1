import { lockServer, POWER, type Server, updateServer, type VmState } from '../cells/index.ts'
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

/**
 * Takes in what a host says of one of its guests. A server that a task is busy with is left alone: the task knows
 * better what its guest is going through.
 * @returns the task to ring for, or null.
 */
export async function syncPower(cell: CellDb, host: string, id: string, power: PowerState, log: Logger): Promise<string | null> {
  return cell.transaction(async (tx) => {
    const server = await lockServer(tx, id)
    if (!server || server.host !== host || server.task_state !== null) return null
    const reaction = REACTIONS[server.vm_state]?.[power] ?? 'nothing'
    if (server.power_state === POWER[power] && reaction === 'nothing') return null
    log.info({ instance: id, vm_state: server.vm_state, power_state: power, reaction }, 'the guest changed its power state')
    await updateServer(tx, id, { power_state: POWER[power], ...change(server, reaction) })
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
