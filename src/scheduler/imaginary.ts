import type { PlanRequest } from '../contracts/index.ts'
import type { HostRow } from '../contracts/index.ts'
import { randomBelow, type Random } from './random.ts'

/** A host of a mixed fleet, for warm-up, measurement and tests: some full, some disabled, few down at time 0. */
export function imaginaryHost(id: number, random: Random): HostRow {
  const vcpus = 16 << randomBelow(4, random)
  const memory_mb = 65_536 << randomBelow(4, random)
  const local_gb = 1_000 * (1 + randomBelow(4, random))
  return {
    id,
    host: `host-${id}`,
    node: `node-${id}`,
    host_ip: '192.0.2.1',
    hypervisor_type: 'QEMU',
    hypervisor_version: 7_002_000,
    cpu_info: { arch: 'x86_64' },
    supported_instances: [['x86_64', 'qemu', 'hvm']],
    aggregates: [],
    availability_zone: randomBelow(4, random) === 0 ? 'az1' : 'nova',
    vcpus,
    memory_mb,
    local_gb,
    reserved_memory_mb: 512,
    reserved_disk_gb: 0,
    vcpus_capacity: vcpus * 4,
    memory_mb_capacity: memory_mb - 512,
    disk_gb_capacity: local_gb,
    vcpus_used: randomBelow(vcpus * 4 + 1, random),
    memory_mb_used: randomBelow((memory_mb - 512) / 512 + 1, random) * 512,
    disk_gb_used: randomBelow(local_gb + 1, random),
    running_vms: 0,
    io_ops: 0,
    failed_builds: 0,
    disabled: randomBelow(50, random) === 0,
    forced_down: false,
    last_seen_at: randomBelow(50, random) === 0 ? null : 0,
  }
}

/** A request for a flavor of so many vCPUs, with 2 GB of RAM and 10 GB of disk for each. */
export function imaginaryRequest(seed: number, vcpus = 2): PlanRequest {
  return {
    server_id: 'imaginary',
    project_id: 'imaginary',
    flavor: {
      id: `m${vcpus}`,
      name: `m${vcpus}`,
      vcpus,
      memory_mb: vcpus * 2_048,
      root_gb: vcpus * 10,
      ephemeral_gb: 0,
      swap_mb: 0,
      extra_specs: {},
    },
    image_properties: {},
    availability_zone: null,
    force_host: null,
    force_node: null,
    ignore_hosts: [],
    count: 3,
    seed,
  }
}
