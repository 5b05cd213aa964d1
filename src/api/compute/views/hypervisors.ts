import type { HypervisorState } from '../../../compute/index.ts'
import { defineView } from '../view.ts'

export type HypervisorSource = HypervisorState

const brief = ({ host, up, servers }: HypervisorSource): Record<string, unknown> => ({
  id: host.uuid,
  hypervisor_hostname: host.node,
  state: up ? 'up' : 'down',
  status: host.disabled ? 'disabled' : 'enabled',
  servers: servers?.map(({ id, name }) => ({ uuid: id, name })),
})

export const hypervisorBrief = defineView<HypervisorSource>('hypervisor.brief', brief)

export const hypervisorView = defineView<HypervisorSource>('hypervisor', (source) => ({
  ...brief(source),
  host_ip: source.host.host_ip,
  hypervisor_type: source.host.hypervisor_type,
  hypervisor_version: source.host.hypervisor_version,
  service: {
    id: source.host.service_uuid,
    host: source.host.host,
    disabled_reason: source.host.disabled_reason,
  },
  uptime: source.uptime,
}))
