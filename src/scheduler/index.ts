export { sentence } from './explanation.ts'
export { checkHints } from './hints.ts'
export type { CellSource, HostChanges, HostsRead } from './host.ts'
export { createScheduler, type Decided, type Scheduler, type SchedulerConfig, type SchedulerParts } from './scheduler.ts'
