import type { Server, VmState } from '../../cells/index.ts'
import { conflict, type Problem, type RequestContext } from '../../kernel/index.ts'

/** When something may be done to a server, and what it is in the middle of from then on. */
export interface Transition {
  /** Nova's word for it in messages: `Cannot 'stop' instance …`. */
  readonly action: string
  /** Its name among the server's instance actions, where that is another. */
  readonly logged?: string
  /** Absent: any. */
  readonly vm_states?: readonly VmState[]
  /** Absent: any. null stands for no task. */
  readonly task_states?: readonly (string | null)[]
  /** A locked server refuses it from all but admins. */
  readonly locks: boolean
  /** The server must be on a host. */
  readonly needs_host?: boolean
  /** The server must have run once. */
  readonly needs_launch: boolean
  /** Absent: stays as it is. */
  readonly task_state?: string
}

const IDLE = [null]

/** One row per action. Source: the decorators of Nova's compute API. */
export const TRANSITIONS = {
  delete: { action: 'delete', locks: true, needs_launch: false, task_state: 'deleting' },
  stop: {
    action: 'stop',
    vm_states: ['active', 'error'],
    task_states: IDLE,
    locks: true,
    needs_host: true,
    needs_launch: true,
    task_state: 'powering-off',
  },
  start: {
    action: 'start',
    vm_states: ['stopped'],
    task_states: IDLE,
    locks: true,
    needs_host: true,
    needs_launch: true,
    task_state: 'powering-on',
  },
  reboot_soft: {
    action: 'reboot',
    vm_states: ['active'],
    task_states: IDLE,
    locks: true,
    needs_launch: true,
    task_state: 'rebooting',
  },
  reboot_hard: {
    action: 'reboot',
    vm_states: ['active', 'stopped', 'paused', 'suspended', 'error'],
    task_states: [
      null,
      'rebooting',
      'reboot_pending',
      'reboot_started',
      'resuming',
      'rebooting_hard',
      'unpausing',
      'pausing',
      'suspending',
    ],
    locks: true,
    needs_launch: true,
    task_state: 'rebooting_hard',
  },
  metadata: {
    action: 'update metadata',
    vm_states: ['active', 'paused', 'suspended', 'stopped'],
    locks: true,
    needs_launch: true,
  },
  tags: {
    action: 'update tags',
    vm_states: ['active', 'paused', 'suspended', 'stopped'],
    locks: false,
    needs_launch: true,
  },
  lock: { action: 'lock', locks: false, needs_launch: false },
  unlock: { action: 'unlock', locks: false, needs_launch: false },
  reset_state: { action: 'reset', logged: 'resetState', locks: false, needs_launch: false },
  update: { action: 'update', locks: false, needs_launch: false },
} as const satisfies Record<string, Transition>

/** @throws {Problem} conflict, in Nova's words, where `transition` is not allowed in the server's state. */
export function assertAllowed(ctx: RequestContext, server: Server, transition: Transition): void {
  if (transition.locks && server.locked_by !== null && !ctx.isAdmin) {
    throw conflict(`Instance ${server.id} is locked`)
  }
  const cannot = (attribute: string, state: string): Problem =>
    conflict(`Cannot '${transition.action}' instance ${server.id} while it is in ${attribute} ${state}`)
  if (transition.vm_states && !transition.vm_states.includes(server.vm_state)) {
    throw cannot('vm_state', server.vm_state)
  }
  if (transition.task_states && !transition.task_states.includes(server.task_state)) {
    throw cannot('task_state', String(server.task_state))
  }
  if (transition.needs_launch && server.launched_at === null) throw cannot('launched_at', 'None')
  if (transition.needs_host && server.host === null) throw conflict(`Instance ${server.id} is not ready`)
}
