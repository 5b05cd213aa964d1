import { systemClock } from '../../src/kernel/index.ts'
import type { Bus } from '../../src/platform/bus/index.ts'
import { type CellSource, createScheduler, type Scheduler, type SchedulerConfig } from '../../src/scheduler/index.ts'
import { loadConfig } from '../../src/platform/config/index.ts'
import { quietLog } from './quiet-log.ts'

export type { Scheduler } from '../../src/scheduler/index.ts'

/** A scheduler with the options of a nova.conf that says nothing, but for `changes`. */
export async function startScheduler(
  bus: Bus,
  cells: readonly CellSource[],
  changes: Partial<SchedulerConfig['filter_scheduler']> = {},
): Promise<Scheduler> {
  const { config } = loadConfig({ files: [], env: {} })
  const filter_scheduler = { ...config.filter_scheduler, ...changes }
  const scheduler = createScheduler({ config: { ...config, filter_scheduler }, cells, clock: systemClock, log: quietLog })
  await scheduler.start(bus)
  return scheduler
}
