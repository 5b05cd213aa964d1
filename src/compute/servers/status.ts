import type { StatusCell } from '../../cells/index.ts'

/**
 * The word a server's `status` shows for its vm_state and task_state. Source: Nova's table; `default` is for every task
 * that has no word of its own.
 */
const REBUILDING = words('REBUILD', 'rebuilding', 'rebuild_block_device_mapping', 'rebuild_spawning')
const RESIZING = words('RESIZE', 'resize_prep', 'resize_migrating', 'resize_migrated', 'resize_finish')

const STATUS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  active: {
    default: 'ACTIVE',
    ...words('REBOOT', 'rebooting', 'reboot_pending', 'reboot_started'),
    ...words('HARD_REBOOT', 'rebooting_hard', 'reboot_pending_hard', 'reboot_started_hard'),
    ...words('PASSWORD', 'updating_password'),
    ...words('MIGRATING', 'migrating'),
    ...REBUILDING,
    ...RESIZING,
  },
  building: { default: 'BUILD' },
  stopped: { default: 'SHUTOFF', ...RESIZING, ...REBUILDING },
  resized: { default: 'VERIFY_RESIZE', ...words('REVERT_RESIZE', 'resize_reverting') },
  paused: { default: 'PAUSED', ...words('MIGRATING', 'migrating') },
  suspended: { default: 'SUSPENDED' },
  rescued: { default: 'RESCUE' },
  error: { default: 'ERROR', ...REBUILDING },
  deleted: { default: 'DELETED' },
  'soft-delete': { default: 'SOFT_DELETED' },
  shelved: { default: 'SHELVED' },
  shelved_offloaded: { default: 'SHELVED_OFFLOADED' },
}

function words(word: string, ...taskStates: string[]): Record<string, string> {
  return Object.fromEntries(taskStates.map((state) => [state, word]))
}

export function statusOf(server: {
  readonly vm_state: string
  readonly task_state: string | null
  readonly deleted_at: Date | null
}): string {
  if (server.deleted_at !== null) return 'DELETED'
  const row = STATUS[server.vm_state]
  if (!row) return 'UNKNOWN'
  const { task_state } = server
  const word = task_state !== null && Object.hasOwn(row, task_state) ? row[task_state] : row.default
  return word ?? 'UNKNOWN'
}

/**
 * The states behind a word, for a filter; null for a word that is none. Where the word is the one for any other task,
 * the task is left out of the filter, so `ACTIVE` also finds servers that show `REBOOT`. That is Nova's.
 */
export function statesOf(word: string): StatusCell[] | null {
  const asked = word.toUpperCase()
  const cells: StatusCell[] = []
  for (const [vm_state, row] of Object.entries(STATUS)) {
    const tasks = Object.keys(row).filter((task) => row[task] === asked)
    if (tasks.length === 0) continue
    cells.push({ vm_state, task_states: tasks.includes('default') ? null : tasks })
  }
  return cells.length > 0 ? cells : null
}
