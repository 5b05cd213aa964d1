import type { ProjectUsage, ServerUsage } from '../../../compute/index.ts'
import { naiveTime, naiveTimeOrNull } from '../times.ts'
import { defineView } from '../view.ts'

export interface UsageSource {
  readonly usage: ProjectUsage
  readonly period: { readonly start: Date; readonly end: Date }
  /** Whether each server is named. */
  readonly detailed: boolean
  readonly now: number
}

export const usageView = defineView<UsageSource>('usage', ({ usage, period, detailed, now }) => ({
  tenant_id: usage.project_id,
  start: naiveTime(period.start),
  stop: naiveTime(period.end),
  total_hours: usage.hours,
  total_local_gb_usage: usage.local_gb,
  total_memory_mb_usage: usage.memory_mb,
  total_vcpus_usage: usage.vcpus,
  server_usages: detailed ? usage.servers.map((each) => serverUsage(each, now)) : undefined,
}))

function serverUsage({ server, hours }: ServerUsage, now: number): Record<string, unknown> {
  const { launched_at, terminated_at } = server
  return {
    instance_id: server.id,
    name: server.name,
    tenant_id: server.project_id,
    flavor: server.flavor,
    vcpus: server.vcpus,
    memory_mb: server.memory_mb,
    local_gb: server.local_gb,
    hours,
    started_at: naiveTime(launched_at),
    ended_at: naiveTimeOrNull(terminated_at),
    state: terminated_at === null ? server.vm_state : 'terminated',
    uptime: Math.max(0, Math.floor(((terminated_at?.getTime() ?? now) - launched_at.getTime()) / 1000)),
  }
}
