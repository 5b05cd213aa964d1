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
/** What most rules ask of a server whose guest somebody wants to touch. */
const ON_A_HOST = { locks: true, needs_host: true, needs_launch: true } as const

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
  pause: { action: 'pause', vm_states: ['active'], task_states: IDLE, ...ON_A_HOST, task_state: 'pausing' },
  unpause: { action: 'unpause', vm_states: ['paused'], task_states: IDLE, ...ON_A_HOST, task_state: 'unpausing' },
  suspend: { action: 'suspend', vm_states: ['active'], task_states: IDLE, ...ON_A_HOST, task_state: 'suspending' },
  resume: { action: 'resume', vm_states: ['suspended'], task_states: IDLE, ...ON_A_HOST, task_state: 'resuming' },
  rescue: {
    action: 'rescue',
    vm_states: ['active', 'stopped', 'error'],
    task_states: IDLE,
    ...ON_A_HOST,
    task_state: 'rescuing',
  },
  unrescue: { action: 'unrescue', vm_states: ['rescued'], task_states: IDLE, ...ON_A_HOST, task_state: 'unrescuing' },
  set_admin_password: {
    action: 'set_admin_password',
    logged: 'changePassword',
    vm_states: ['active'],
    task_states: IDLE,
    ...ON_A_HOST,
    task_state: 'updating_password',
  },
  rebuild: {
    action: 'rebuild',
    vm_states: ['active', 'stopped', 'error'],
    task_states: IDLE,
    ...ON_A_HOST,
    task_state: 'rebuilding',
  },
  snapshot: {
    action: 'snapshot',
    logged: 'createImage',
    vm_states: ['active', 'stopped', 'paused', 'suspended'],
    task_states: IDLE,
    locks: false,
    needs_host: true,
    needs_launch: true,
    task_state: 'image_snapshot_pending',
  },
  backup: {
    action: 'backup',
    logged: 'createBackup',
    vm_states: ['active', 'stopped', 'paused', 'suspended'],
    task_states: IDLE,
    locks: false,
    needs_host: true,
    needs_launch: true,
    task_state: 'image_backup',
  },
  resize: {
    action: 'resize',
    vm_states: ['active', 'stopped'],
    task_states: IDLE,
    ...ON_A_HOST,
    task_state: 'resize_prep',
  },
  migrate: {
    action: 'resize',
    logged: 'migrate',
    vm_states: ['active', 'stopped'],
    task_states: IDLE,
    ...ON_A_HOST,
    task_state: 'resize_prep',
  },
  confirm_resize: { action: 'confirm_resize', logged: 'confirmResize', vm_states: ['resized'], task_states: IDLE, ...ON_A_HOST },
  revert_resize: {
    action: 'revert_resize',
    logged: 'revertResize',
    vm_states: ['resized'],
    task_states: IDLE,
    ...ON_A_HOST,
    task_state: 'resize_reverting',
  },
  live_migrate: {
    action: 'live_migrate',
    logged: 'live-migration',
    vm_states: ['active', 'paused'],
    task_states: IDLE,
    ...ON_A_HOST,
    task_state: 'migrating',
  },
  live_migrate_force_complete: {
    action: 'force_complete',
    logged: 'live_migration_force_complete',
    vm_states: ['active'],
    task_states: ['migrating'],
    ...ON_A_HOST,
    task_state: 'migrating',
  },
  live_migrate_abort: {
    action: 'abort_live_migration',
    logged: 'live_migration_cancel',
    task_states: ['migrating'],
    ...ON_A_HOST,
    task_state: 'migrating',
  },
  evacuate: {
    action: 'evacuate',
    vm_states: ['active', 'stopped', 'error'],
    locks: false,
    needs_host: true,
    needs_launch: true,
    task_state: 'rebuilding',
  },
  shelve: {
    action: 'shelve',
    vm_states: ['active', 'stopped', 'paused', 'suspended'],
    task_states: IDLE,
    ...ON_A_HOST,
    task_state: 'shelving',
  },
  shelve_offload: {
    action: 'shelve_offload',
    logged: 'shelveOffload',
    vm_states: ['shelved'],
    task_states: IDLE,
    ...ON_A_HOST,
    task_state: 'shelving_offloading',
  },
  unshelve: {
    action: 'unshelve',
    vm_states: ['shelved', 'shelved_offloaded'],
    task_states: IDLE,
    locks: true,
    needs_launch: true,
    task_state: 'unshelving',
  },
  trigger_crash_dump: {
    action: 'trigger_crash_dump',
    vm_states: ['active', 'paused', 'rescued', 'resized', 'error'],
    task_states: IDLE,
    ...ON_A_HOST,
  },
  soft_delete: { action: 'soft_delete', logged: 'delete', ...ON_A_HOST, task_state: 'soft-deleting' },
  force_delete: { action: 'force_delete', logged: 'delete', locks: true, needs_launch: false, task_state: 'deleting' },
  restore: { action: 'restore', vm_states: ['soft-delete'], task_states: IDLE, ...ON_A_HOST, task_state: 'restoring' },
  attach_interface: {
    action: 'attach_interface',
    vm_states: ['active', 'paused', 'stopped'],
    task_states: IDLE,
    ...ON_A_HOST,
  },
  detach_interface: {
    action: 'detach_interface',
    vm_states: ['active', 'paused', 'stopped'],
    task_states: IDLE,
    ...ON_A_HOST,
  },
  inject_network_info: { action: 'inject_network_info', ...ON_A_HOST },
  add_fixed_ip: { action: 'add_fixed_ip', ...ON_A_HOST },
  remove_fixed_ip: { action: 'remove_fixed_ip', ...ON_A_HOST },
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
  clear_password: { action: 'clear_password', locks: false, needs_launch: false },
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
