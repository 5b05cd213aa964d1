import { type Driver, DriverError } from './driver.ts'

/** A verb that a driver may do without; its capabilities name those that it has. */
export const CAPABILITIES = [
  'pause',
  'suspend',
  'rebuild',
  'rescue',
  'snapshot',
  'changePassword',
  'crashDump',
  'attachInterface',
  'diagnostics',
  'migrate',
  'liveMigrate',
] as const
export type Capability = (typeof CAPABILITIES)[number]

const VERBS = {
  pause: 'pause a guest',
  unpause: 'unpause a guest',
  suspend: 'suspend a guest',
  resume: 'resume a guest',
  rebuild: 'rebuild a guest',
  rescue: 'rescue a guest',
  unrescue: 'rescue a guest',
  snapshot: 'make an image of a guest',
  changePassword: "change a guest's password",
  crashDump: 'have a guest dump its memory',
  attachInterface: 'attach an interface',
  detachInterface: 'detach an interface',
  diagnostics: 'diagnose a guest',
  migrateOut: 'migrate a guest',
  migrateIn: 'migrate a guest',
  confirmMigration: 'migrate a guest',
  revertMigration: 'migrate a guest',
  disks: 'migrate a running guest',
  livePrepare: 'migrate a running guest',
  liveMigrate: 'migrate a running guest',
  liveFinish: 'migrate a running guest',
  liveRollback: 'migrate a running guest',
  liveAbort: 'migrate a running guest',
  liveForceComplete: 'migrate a running guest',
} as const satisfies Partial<Record<keyof Driver, string>>

export type LackingVerbs = Pick<Driver, keyof typeof VERBS>

/** The verbs that not every driver has, each failing as `unsupported`: a driver puts those that it has over them. */
export function lackingVerbs(): LackingVerbs {
  const fail = (what: string) => async () => {
    throw new DriverError(`The hypervisor cannot ${what}.`, { kind: 'unsupported' })
  }
  return Object.fromEntries(
    Object.entries(VERBS).map(([verb, what]) => [verb, fail(what)]),
  ) as unknown as LackingVerbs
}
