import type { Compute } from '../../compute/index.ts'
import { badRequest } from '../../kernel/index.ts'
import { resource, route } from './route.ts'

const DATE_TIME = /^\d{4}-\d\d-\d\d( \d\d:\d\d(:\d\d(\.\d{1,6})?)?)?$/

/**
 * Which hosts have written down what their servers used in the last whole month. Hosts here do no such thing, as those
 * of Nova unless `instance_usage_audit` is set: usage is computed from servers when it is asked for.
 */
export function usageAuditLog({ hosts }: Compute) {
  async function logOf(before: Date): Promise<Record<string, unknown>> {
    const names = (await hosts.services({ binary: 'nova-compute' })).map(({ service }) => service.host)
    const end = new Date(Date.UTC(before.getUTCFullYear(), before.getUTCMonth(), 1))
    const begin = new Date(Date.UTC(end.getUTCFullYear(), end.getUTCMonth() - 1, 1))
    return {
      hosts_not_run: names,
      log: {},
      num_hosts: names.length,
      num_hosts_done: 0,
      num_hosts_not_run: names.length,
      num_hosts_running: 0,
      overall_status: `0 of ${names.length} hosts done. 0 errors.`,
      period_beginning: spaced(begin),
      period_ending: spaced(end),
      total_errors: 0,
      total_instances: 0,
    }
  }

  return resource('os-instance_usage_audit_log', [
    route('GET', '/os-instance_usage_audit_log', {
      policy: 'os_compute_api:os-instance-usage-audit-log:list',
      ok: 200,
      handle: async () => ({ instance_usage_audit_logs: await logOf(new Date()) }),
    }),
    route('GET', '/os-instance_usage_audit_log/:before', {
      policy: 'os_compute_api:os-instance-usage-audit-log:show',
      ok: 200,
      async handle({ params }) {
        const text = params.before!
        const before = new Date(`${text.replace(' ', 'T')}${text.includes(':') ? 'Z' : ''}`)
        if (!DATE_TIME.test(text) || Number.isNaN(before.getTime())) {
          throw badRequest('Invalid timestamp for date ' + text.slice(0, 64))
        }
        return { instance_usage_audit_log: await logOf(before) }
      },
    }),
  ])
}

const spaced = (time: Date): string => time.toISOString().slice(0, 19).replace('T', ' ')
