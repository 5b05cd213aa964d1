import { reportServices, retireService } from './cells/index.ts'
import type { Clock } from './kernel/index.ts'
import type { Config } from './platform/config/index.ts'
import type { GlobalDb } from './platform/db/index.ts'
import type { Logger } from './platform/log/index.ts'

/** Shows a role of this process in `os-services`, for as long as it runs. */
export async function reportRole(
  db: GlobalDb,
  binary: 'nova-scheduler' | 'nova-conductor',
  config: Config,
  clock: Clock,
  log: Logger,
): Promise<{ stop(): Promise<void> }> {
  const { host, report_interval } = config.DEFAULT
  const report = (): Promise<void> => reportServices(db, binary, [host], new Date(clock.now()))
  await report()
  const timer = setInterval(() => {
    report().catch((error) => log.warn({ err: error }, `${binary} could not report itself; it tries again`))
  }, report_interval * 1000)
  return {
    async stop() {
      clearInterval(timer)
      await retireService(db, binary, host).catch(() => {
        // Without a database nobody can be told; the heartbeat that is missing will say it.
      })
    },
  }
}
