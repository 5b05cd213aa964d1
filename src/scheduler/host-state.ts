import type { Host } from './host.ts'

/** Nova's HostState: the names by which extra specs and queries speak of a host. */
const ATTRIBUTES: Readonly<Record<string, (host: Host) => unknown>> = {
  host: ({ row }) => row.host,
  nodename: ({ row }) => row.node,
  hypervisor_hostname: ({ row }) => row.node,
  host_ip: ({ row }) => row.host_ip,
  hypervisor_type: ({ row }) => row.hypervisor_type,
  hypervisor_version: ({ row }) => row.hypervisor_version,
  cpu_info: ({ row }) => row.cpu_info,
  supported_instances: ({ row }) => row.supported_instances,
  vcpus_total: ({ row }) => row.vcpus,
  vcpus_used: ({ row, taken }) => row.vcpus_used + taken.vcpus,
  total_usable_ram_mb: ({ row }) => row.memory_mb,
  free_ram_mb: ({ row, taken }) => row.memory_mb - row.reserved_memory_mb - row.memory_mb_used - taken.memory_mb,
  total_usable_disk_gb: ({ row }) => row.local_gb,
  free_disk_mb: ({ row, taken }) => (row.local_gb - row.reserved_disk_gb - row.disk_gb_used - taken.disk_gb) * 1024,
  disk_mb_used: ({ row, taken }) => (row.disk_gb_used + taken.disk_gb) * 1024,
  num_instances: ({ row, taken }) => row.running_vms + taken.servers,
  num_io_ops: ({ row, taken }) => row.io_ops + taken.servers,
  failed_builds: ({ row }) => row.failed_builds,
}

export const isAttribute = (name: string): boolean => Object.hasOwn(ATTRIBUTES, name)

/** The value at `cpu_info`, `arch`, …; undefined where the host has none. */
export function attributeAt(host: Host, [name = '', ...keys]: readonly string[]): unknown {
  let value = isAttribute(name) ? ATTRIBUTES[name]?.(host) : undefined
  for (const key of keys) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
    value = (value as Record<string, unknown>)[key]
  }
  return value ?? undefined
}
