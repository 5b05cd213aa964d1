import type { AgentVerb, CommandOf, CommandResult, Progress } from '../src/contracts/index.ts'
import type { Driver } from './drivers/driver.ts'

/** What the runner gives a verb to work with. */
export interface Work {
  /** Aborts when a destroy overtakes the command. */
  readonly signal: AbortSignal
  /** Passes on how far the command is. */
  readonly progress: (progress: Progress) => void
  /** Notes the stage of a build; ends it when it is called off. */
  readonly stage: (stage: string) => void
}

export interface Verb<V extends AgentVerb> {
  /** It makes a guest: not again once a destroy of the same generation has begun. */
  readonly makes?: true
  /** One of those of which a host does only so many at a time. */
  readonly builds?: true
  /** It is about a command under way, and does not wait for its end. */
  readonly beside?: true
  perform(driver: Driver, command: CommandOf<V>, work: Work): Promise<Omit<CommandResult, 'power_state'> | void>
}

/** What each command is at the driver. */
export const VERBS: { readonly [V in AgentVerb]: Verb<V> } = {
  spawn: {
    makes: true,
    builds: true,
    perform: (driver, { instance, power_on, reuse_disks }, { stage, signal }) =>
      driver.spawn(instance, stage, signal, { power_on, reuse_disks }),
  },
  destroy: {
    perform: (driver, { server_id, keep_disks = false }) => driver.destroy(server_id, { keep_disks }),
  },
  power_on: { perform: (driver, { server_id }) => driver.powerOn(server_id) },
  power_off: { perform: (driver, { server_id, timeout_s }) => driver.powerOff(server_id, timeout_s) },
  reboot: { perform: (driver, { server_id, type }) => driver.reboot(server_id, type) },
  pause: { perform: (driver, { server_id }) => driver.pause(server_id) },
  unpause: { perform: (driver, { server_id }) => driver.unpause(server_id) },
  suspend: { perform: (driver, { server_id }) => driver.suspend(server_id) },
  resume: { perform: (driver, { server_id }) => driver.resume(server_id) },
  rebuild: {
    makes: true,
    builds: true,
    perform: (driver, { instance, preserve_ephemeral, power_on }, { stage, signal }) =>
      driver.rebuild(instance, stage, signal, { preserve_ephemeral, power_on }),
  },
  rescue: {
    makes: true,
    builds: true,
    perform: (driver, { instance, image }, { signal }) => driver.rescue(instance, image, signal),
  },
  unrescue: { perform: (driver, { server_id }) => driver.unrescue(server_id) },
  snapshot: {
    perform: (driver, { server_id, target }, { progress, signal }) =>
      driver.snapshot(server_id, target, progress, signal),
  },
  change_password: {
    perform: (driver, { server_id, admin_password }) => driver.changePassword(server_id, admin_password),
  },
  crash_dump: { perform: (driver, { server_id }) => driver.crashDump(server_id) },
  attach_interface: { perform: (driver, { server_id, vif }) => driver.attachInterface(server_id, vif) },
  detach_interface: { perform: (driver, { server_id, port_id }) => driver.detachInterface(server_id, port_id) },

  migrate_out: {
    perform: async (driver, { server_id, timeout_s }) => ({ offer: await driver.migrateOut(server_id, timeout_s) }),
  },
  migrate_in: {
    makes: true,
    builds: true,
    perform: (driver, { instance, source, power_on }, { signal }) =>
      driver.migrateIn(instance, source, power_on, signal),
  },
  confirm_migration: { perform: (driver, { server_id }) => driver.confirmMigration(server_id) },
  revert_migration: {
    makes: true,
    perform: (driver, { instance, power_on }) => driver.revertMigration(instance, power_on),
  },

  live_prepare: {
    makes: true,
    builds: true,
    perform: async (driver, { instance, disks, storage }, { signal }) => ({
      target: await driver.livePrepare(instance, disks, storage, signal),
    }),
  },
  live_migrate: {
    perform: async (driver, { server_id, target, storage }, { progress, signal }) => ({
      storage: await driver.liveMigrate(server_id, target, storage, progress, signal),
    }),
  },
  live_finish: { makes: true, perform: (driver, { instance }) => driver.liveFinish(instance) },
  live_rollback: { perform: (driver, { server_id }) => driver.liveRollback(server_id) },
  live_abort: { beside: true, perform: (driver, { server_id }) => driver.liveAbort(server_id) },
  live_force_complete: { beside: true, perform: (driver, { server_id }) => driver.liveForceComplete(server_id) },
}
