import { Type as T } from '@sinclair/typebox'
import type { Also } from './changes.ts'
import { Int, Name } from './fields.ts'
import type { HypervisorSource } from './views/hypervisors.ts'
import type { ServerSource } from './views/servers.ts'

/** How values looked before a microversion changed them: the words that `history.ts` undoes changes with. */

export const unlimited = (): number => -1
export const nothing = (): number => 0

/** Limits of file injection, which Nova went on to show until 2.57. */
export const INJECTED_FILES = 5
export const INJECTED_FILE_BYTES = 10_240
const INJECTED_PATH_BYTES = 255
export const injectedFiles = (): number => INJECTED_FILES
export const injectedFileBytes = (): number => INJECTED_FILE_BYTES

type Made = Record<string, () => unknown>
const detailOf = (values: Made): Made =>
  Object.fromEntries(
    Object.entries(values).map(([key, limit]) => [key, () => ({ limit: limit(), in_use: 0, reserved: 0 })]),
  )
const fieldsOf = (values: Made) => Object.fromEntries(Object.keys(values).map((key) => [key, T.Optional(Int(-1))]))

/** Quotas of what the network service counts by itself. */
export const networkQuotas: Made = {
  fixed_ips: unlimited,
  floating_ips: unlimited,
  security_groups: unlimited,
  security_group_rules: unlimited,
}
export const networkQuotaDetails = detailOf(networkQuotas)
export const networkQuotaFields = fieldsOf(networkQuotas)

export const injectionQuotas: Made = {
  injected_files: injectedFiles,
  injected_file_content_bytes: injectedFileBytes,
  injected_file_path_bytes: () => INJECTED_PATH_BYTES,
}
export const injectionQuotaDetails = detailOf(injectionQuotas)
export const injectionQuotaFields = fieldsOf(injectionQuotas)

export const blankForZero = (swap: number): number | '' => (swap === 0 ? '' : swap)

export const absentWhenEmpty = (servers: unknown[]): unknown[] | undefined => (servers.length > 0 ? servers : undefined)

export const serviceByNumber = (service: Record<string, unknown>, { host }: HypervisorSource): unknown => ({
  ...service,
  id: host.service_id,
})

/** What a host has and how much of it is taken; in the placement API since 2.88. */
export const hypervisorUse: Record<string, (source: HypervisorSource) => unknown> = {
  cpu_info: ({ host }) => host.cpu_info,
  current_workload: ({ building }) => building,
  disk_available_least: ({ host }) => host.local_gb - host.disk_gb_used,
  free_disk_gb: ({ host }) => host.local_gb - host.disk_gb_used,
  free_ram_mb: ({ host }) => host.memory_mb - usedMemory(host),
  local_gb: ({ host }) => host.local_gb,
  local_gb_used: ({ host }) => host.disk_gb_used,
  memory_mb: ({ host }) => host.memory_mb,
  memory_mb_used: ({ host }) => usedMemory(host),
  running_vms: ({ host }) => host.running_vms,
  vcpus: ({ host }) => host.vcpus,
  vcpus_used: ({ host }) => host.vcpus_used,
}

/** As Nova counts it: what the host keeps for itself is in use too. */
export const usedMemory = (host: HypervisorSource['host']): number => host.reserved_memory_mb + host.memory_mb_used

export const volumesWithoutDeletion = (volumes: { id: string }[]): unknown => volumes.map(({ id }) => ({ id }))

export const flavorReference = (_embedded: unknown, { server }: ServerSource, { links }: Also): unknown => ({
  id: server.flavor_id,
  links: links.bookmark(`/flavors/${encodeURIComponent(server.flavor_id)}`),
})

/** The image's properties came with 2.98; a server booted from a volume has "" in its place. */
export const imageWithoutProperties = (image: Record<string, unknown> | string): unknown =>
  typeof image === 'string' ? image : { id: image.id, links: image.links }

/** Before 2.90 the hostname was for those who may see the host side of a server. */
export const hostnameForAdmins = (hostname: string, _source: unknown, { answer }: Also): unknown =>
  'OS-EXT-SRV-ATTR:host' in answer ? hostname : undefined

type Addresses = Record<string, { version: number; addr: string }[]>
export const addressesWithoutType = (addresses: Addresses): unknown =>
  Object.fromEntries(
    Object.entries(addresses).map(([label, entries]) => [
      label,
      entries.map(({ version, addr }) => ({ version, addr })),
    ]),
  )

/** Keys that the answer to an update got only with 2.75, when it became the same as a show. */
export const NOT_IN_UPDATED = [
  'key_name',
  'config_drive',
  'security_groups',
  'host_status',
  'OS-SRV-USG:launched_at',
  'OS-SRV-USG:terminated_at',
  'OS-EXT-AZ:availability_zone',
  'OS-EXT-STS:task_state',
  'OS-EXT-STS:vm_state',
  'OS-EXT-STS:power_state',
  'OS-EXT-SRV-ATTR:host',
  'OS-EXT-SRV-ATTR:instance_name',
  'OS-EXT-SRV-ATTR:hypervisor_hostname',
  'OS-EXT-SRV-ATTR:reservation_id',
  'OS-EXT-SRV-ATTR:launch_index',
  'OS-EXT-SRV-ATTR:hostname',
  'OS-EXT-SRV-ATTR:kernel_id',
  'OS-EXT-SRV-ATTR:ramdisk_id',
  'OS-EXT-SRV-ATTR:root_device_name',
  'OS-EXT-SRV-ATTR:user_data',
  'os-extended-volumes:volumes_attached',
]

/** A list that has to hold one policy, of those that the version knows. */
export const groupPolicies = (...policies: string[]) =>
  T.Array(T.Union(policies.map((policy) => T.Literal(policy))), { minItems: 1, maxItems: 1 })

/** Of 2.77 to 2.90: a zone alone, and it has to be named. */
export const UnshelveToZone = T.Union([
  T.Object({ availability_zone: Name }, { additionalProperties: false }),
  T.Null(),
])
