export { sentence } from './explanation.ts'
export type { CellSource, HostChanges } from './host.ts'
export { createScheduler, type Scheduler, type SchedulerConfig, type SchedulerParts } from './scheduler.ts'
