import {
  type AddedHosts,
  type Assumptions,
  type HostRow,
  MAX_WHAT_IF_HOSTS,
} from '../contracts/index.ts'
import { badRequest } from '../kernel/index.ts'
import type { Demand, Host } from './host.ts'
import { NOTHING } from './fleet.ts'

/** A host as a copy of the fleet takes it. */
export interface AssumedHost {
  readonly cell_id: string
  readonly row: HostRow
  readonly taken: Demand
}

/** The cell of hosts that are added where there are none to be like. */
const SOME_CELL = 'assumed'

/** Nova's initial allocation ratios, for added hosts that say none. */
const INITIAL_RATIOS = { cpu: 4, ram: 1, disk: 1 }

/**
 * The hosts as they would be. The rows themselves stay as they are.
 * @throws {Problem} bad_request that names the assumption: a host that there is not, too many hosts, one without size
 */
export function assumedHosts(hosts: readonly Host[], assume: Assumptions, now: number): AssumedHost[] {
  const byName = new Map(hosts.map((host) => [host.row.host, host]))
  const named = (field: string, names: readonly string[]): ReadonlySet<string> => {
    const unknown = names.find((name) => !byName.has(name))
    if (unknown !== undefined) throw badRequest(`Invalid assumption ${field}: there is no compute host ${unknown}.`)
    return new Set(names)
  }
  const down = named('down', assume.down)
  const disabled = named('disabled', assume.disabled)

  const total = assume.added.reduce((sum, { count = 1 }) => sum + count, 0)
  if (total > MAX_WHAT_IF_HOSTS) {
    throw badRequest(`Invalid assumption added: at most ${MAX_WHAT_IF_HOSTS} hosts can be added, not ${total}.`)
  }
  const assumed: AssumedHost[] = hosts.map(({ cell_id, row, taken }) => {
    const [isDown, isDisabled] = [down.has(row.host), disabled.has(row.host)]
    if (!isDown && !isDisabled) return { cell_id, row, taken }
    return {
      cell_id,
      row: { ...row, forced_down: row.forced_down || isDown, disabled: row.disabled || isDisabled },
      taken,
    }
  })
  // Ids of their own: rows of databases count from 1 up.
  let id = 0
  for (const [index, added] of assume.added.entries()) {
    const model = added.like === undefined ? undefined : byName.get(added.like)
    if (added.like !== undefined && !model) {
      throw badRequest(`Invalid assumption added/${index}/like: there is no compute host ${added.like}.`)
    }
    const cell_id = model?.cell_id ?? hosts[0]?.cell_id ?? SOME_CELL
    const row = emptyHost(added, model?.row, index, now)
    const { count = 1 } = added
    for (let number = 1; number <= count; number++) {
      const host = count === 1 ? row.host : `${row.host}-${number}`
      if (byName.has(host)) throw badRequest(`Invalid assumption added/${index}/name: there is a compute host ${host}.`)
      assumed.push({ cell_id, row: { ...row, id: --id, host, node: host }, taken: NOTHING })
    }
  }
  return assumed
}

function emptyHost(added: AddedHosts, model: HostRow | undefined, index: number, now: number): HostRow {
  const given = { vcpus: added.vcpus ?? model?.vcpus, memory_mb: added.memory_mb ?? model?.memory_mb, local_gb: added.local_gb ?? model?.local_gb }
  for (const [field, value] of Object.entries(given)) {
    if (value !== undefined) continue
    throw badRequest(`Invalid assumption added/${index}/${field}: it is needed where no host is named by like.`)
  }
  const sized = { ...(model ?? BARE), ...(given as Size) }
  return {
    ...sized,
    ...EMPTY,
    id: 0,
    host: added.name ?? `added-${index + 1}`,
    node: '',
    availability_zone: added.availability_zone ?? sized.availability_zone,
    hypervisor_type: added.hypervisor_type ?? sized.hypervisor_type,
    vcpus_capacity: capacity(sized.vcpus, added.cpu_allocation_ratio, model && [model.vcpus, model.vcpus_capacity], INITIAL_RATIOS.cpu),
    memory_mb_capacity: capacity(
      sized.memory_mb - sized.reserved_memory_mb,
      added.ram_allocation_ratio,
      model && [model.memory_mb - model.reserved_memory_mb, model.memory_mb_capacity],
      INITIAL_RATIOS.ram,
    ),
    disk_gb_capacity: capacity(
      sized.local_gb - sized.reserved_disk_gb,
      added.disk_allocation_ratio,
      model && [model.local_gb - model.reserved_disk_gb, model.disk_gb_capacity],
      INITIAL_RATIOS.disk,
    ),
    last_seen_at: now,
  }
}

/** What may be claimed of `total`: by the ratio given, else as of the model's `[total, capacity]`, else by Nova's. */
function capacity(total: number, ratio: number | undefined, model: readonly [number, number] | undefined, initial: number): number {
  if (ratio === undefined && model && model[0] > 0) return Math.floor((Math.max(total, 0) * model[1]) / model[0])
  return Math.floor(Math.max(total, 0) * (ratio ?? initial))
}

/** What a host has that nobody uses yet. */
const EMPTY = {
  vcpus_used: 0,
  memory_mb_used: 0,
  disk_gb_used: 0,
  running_vms: 0,
  flavors: [],
  image_properties: {},
  io_ops: 0,
  failed_builds: 0,
  disabled: false,
  forced_down: false,
}

type Size = Pick<HostRow, 'vcpus' | 'memory_mb' | 'local_gb'>

/** A host that nothing is known of but its size: an x86 machine with KVM, in the default zone. */
const BARE = {
  host_ip: '',
  hypervisor_type: 'QEMU',
  hypervisor_version: 7_002_000,
  cpu_info: { arch: 'x86_64' },
  supported_instances: [
    ['x86_64', 'kvm', 'hvm'],
    ['x86_64', 'qemu', 'hvm'],
  ],
  availability_zone: 'nova',
  aggregates: [],
  reserved_memory_mb: 0,
  reserved_disk_gb: 0,
} satisfies Partial<HostRow>
