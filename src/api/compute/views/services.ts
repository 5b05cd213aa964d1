import type { ServiceState, ZoneState } from '../../../compute/index.ts'
import { naiveTime } from '../times.ts'
import { defineView } from '../view.ts'

export type ServiceSource = ServiceState

export const serviceView = defineView<ServiceSource>('service', ({ service, up, zone }) => ({
  id: service.uuid,
  binary: service.binary_name,
  host: service.host,
  zone,
  status: service.disabled ? 'disabled' : 'enabled',
  state: up ? 'up' : 'down',
  updated_at: naiveTime(service.last_seen_at ?? service.updated_at),
  disabled_reason: service.disabled_reason,
  forced_down: service.forced_down,
}))

/** A compute service of a cell that cannot be reached, by its host. */
export const unreachableService = defineView<string>('service.unreachable', (host) => ({
  binary: 'nova-compute',
  host,
  status: 'UNKNOWN',
}))

export const zoneView = defineView<ZoneState>('zone', ({ name, available }) => ({
  zoneName: name,
  zoneState: { available },
  hosts: null,
}))

/** With the services of each host, for operators. */
export const zoneDetail = defineView<ZoneState>('zone.detail', ({ name, available, services }) => {
  const hosts: Record<string, Record<string, unknown>> = {}
  for (const { service, up } of services) {
    const binaries = (hosts[service.host] ??= {})
    binaries[service.binary_name] = {
      active: !service.disabled,
      available: up,
      updated_at: naiveTime(service.last_seen_at ?? service.updated_at),
    }
  }
  return { zoneName: name, zoneState: { available }, hosts }
})
