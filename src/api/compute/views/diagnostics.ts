import type { Diagnostics } from '../../../contracts/index.ts'
import { defineView } from '../view.ts'

/** Nova's form since 2.48, the same for all hypervisors. */
export const diagnosticsView = defineView<Diagnostics>('diagnostics', (facts) => ({
  state: facts.state === 'nostate' ? 'pending' : facts.state,
  driver: facts.driver,
  hypervisor: facts.hypervisor,
  hypervisor_os: facts.hypervisor_os,
  uptime: facts.uptime_s,
  config_drive: facts.config_drive,
  num_cpus: facts.cpus.length,
  num_nics: facts.nics.length,
  num_disks: facts.disks.length,
  memory_details: { maximum: facts.memory.maximum_mb, used: facts.memory.used_mb },
  cpu_details: facts.cpus.map(({ id, time_ns, utilisation_percent }) => ({
    id,
    time: time_ns,
    utilisation: utilisation_percent,
  })),
  nic_details: facts.nics.map(({ device: _device, ...nic }) => ({ ...nic, rx_rate: null, tx_rate: null })),
  disk_details: facts.disks.map(({ device: _device, errors, ...disk }) => ({ ...disk, errors_count: errors })),
}))

const KIB_PER_MIB = 1024

/** The form before, which each hypervisor had of its own: libvirt's. Memory in KiB. */
export function freeDiagnostics({ cpus, nics, disks, memory }: Diagnostics): Record<string, number | null> {
  const kib = (mb: number | null): number | null => (mb === null ? null : mb * KIB_PER_MIB)
  const answer: Record<string, number | null> = {}
  for (const { id, time_ns } of cpus) answer[`cpu${id}_time`] = time_ns
  for (const { device, ...disk } of disks) {
    answer[`${device}_read`] = disk.read_bytes
    answer[`${device}_read_req`] = disk.read_requests
    answer[`${device}_write`] = disk.write_bytes
    answer[`${device}_write_req`] = disk.write_requests
    answer[`${device}_errors`] = disk.errors
  }
  for (const { device, ...nic } of nics) {
    answer[`${device}_rx`] = nic.rx_octets
    answer[`${device}_rx_packets`] = nic.rx_packets
    answer[`${device}_rx_errors`] = nic.rx_errors
    answer[`${device}_rx_drop`] = nic.rx_drop
    answer[`${device}_tx`] = nic.tx_octets
    answer[`${device}_tx_packets`] = nic.tx_packets
    answer[`${device}_tx_errors`] = nic.tx_errors
    answer[`${device}_tx_drop`] = nic.tx_drop
  }
  return { ...answer, memory: kib(memory.maximum_mb), 'memory-actual': kib(memory.maximum_mb), 'memory-rss': kib(memory.used_mb) }
}
