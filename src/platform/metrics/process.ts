import type { Metrics } from './metrics.ts'

/** What every Prometheus client tells of its process, under the usual names. */
export function measureProcess(metrics: Metrics): void {
  const startedAt_s = Date.now() / 1000 - process.uptime()
  const one = (value: number) => [{ labels: {}, value }]
  metrics.gauge({ name: 'process_start_time_seconds', help: 'Start of the process, seconds since the epoch.' }, () => one(startedAt_s))
  metrics.gauge({ name: 'process_resident_memory_bytes', help: 'Memory that the process holds.' }, () => one(process.memoryUsage.rss()))
  metrics.gauge({ name: 'process_cpu_seconds_total', help: 'Time that the process has worked.' }, () => {
    const { user, system } = process.cpuUsage()
    return one((user + system) / 1e6)
  })
}
