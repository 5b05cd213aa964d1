import { type MappedServer, type ServerDetail, statusOf } from '../../../compute/index.ts'
import type { Links } from '../links.ts'
import { naiveTimeOrNull, zuluTime } from '../times.ts'
import { defineView, type Rendering } from '../view.ts'

export type ServerSource = ServerDetail
type Server = ServerSource['server']

const linkPath = (server: { readonly id: string }): string => `/servers/${server.id}`

export const serverBrief = defineView<Server>('server.brief', (server, { links }) => ({
  id: server.id,
  name: server.name,
  links: links.both(linkPath(server)),
}))

/** What a create answers; the password is only for a moment known, and kept nowhere. */
export const serverCreated = defineView<{ server: Server; admin_password: string | undefined }>(
  'server.created',
  ({ server, admin_password }, { links }) => ({
    id: server.id,
    links: links.both(linkPath(server)),
    'OS-DCF:diskConfig': diskConfig(server),
    security_groups: securityGroups(server),
    adminPass: admin_password,
  }),
)

/** A list's entry: a show without the groups, which would cost a query. */
export const serverListed = defineView<ServerSource>('server', (source, rendering) => full(source, rendering))

export const serverShown = defineView<ServerSource>('server', (source, rendering) => {
  const answer = full(source, rendering)
  answer.server_groups = groupsOf(source)
  return answer
})

export const serverUpdated = defineView<ServerSource>('server.updated', (source, rendering) => {
  const answer = full(source, rendering)
  answer.server_groups = groupsOf(source)
  return answer
})

/** What a rebuild answers: as an update does, and the password, which is kept nowhere. */
export const serverRebuilt = defineView<ServerSource & { admin_password: string | undefined }>(
  'server.rebuilt',
  (source, rendering) => {
    const answer = full(source, rendering)
    answer.server_groups = groupsOf(source)
    answer.adminPass = source.admin_password
    answer.user_data = source.server.user_data
    // Under this name alone, for administrators too.
    answer['OS-EXT-SRV-ATTR:user_data'] = undefined
    return answer
  },
)

const groupsOf = ({ server }: ServerSource): string[] => (server.group_id === null ? [] : [server.group_id])

/** What is left of a server in a list while its cell cannot be reached. */
export const unreachableBrief = defineView<MappedServer>('server.unreachable.brief', (server, { links }) => ({
  id: server.id,
  status: 'UNKNOWN',
  links: links.both(linkPath(server)),
}))

export const unreachableListed = defineView<MappedServer>('server.unreachable.listed', (server, { links }) => ({
  id: server.id,
  status: 'UNKNOWN',
  tenant_id: server.project_id,
  created: zuluTime(server.created_at),
  links: links.both(linkPath(server)),
}))

export const unreachableShown = defineView<MappedServer>('server.unreachable', (server, { links, can }) => ({
  id: server.id,
  status: 'UNKNOWN',
  tenant_id: server.project_id,
  user_id: server.user_id,
  created: zuluTime(server.created_at),
  links: links.both(linkPath(server)),
  image: server.image_id === null ? '' : { id: server.image_id, links: links.bookmark(`/images/${server.image_id}`) },
  flavor: server.flavor === null ? undefined : embeddedFlavor(server.flavor, can),
  'OS-EXT-AZ:availability_zone': server.availability_zone ?? 'UNKNOWN',
  'OS-EXT-STS:power_state': 0,
  server_groups: [],
}))

/** States in which a progress is shown. */
const IN_PROGRESS = new Set(['ACTIVE', 'BUILD', 'REBUILD', 'RESIZE', 'VERIFY_RESIZE', 'MIGRATING'])

function full(
  { server, instance_name, zone, host_status }: ServerSource,
  rendering: Rendering,
): Record<string, unknown> {
  const { links, can } = rendering
  const status = statusOf(server)
  const answer: Record<string, unknown> = {
    id: server.id,
    name: server.name,
    status,
    tenant_id: server.project_id,
    user_id: server.user_id,
    metadata: server.metadata,
    hostId: hostId(server.project_id, server.host),
    image: image(server, links),
    flavor: embeddedFlavor(server.flavor, can),
    created: zuluTime(server.created_at),
    updated: zuluTime(server.updated_at),
    addresses: addresses(server.vifs),
    accessIPv4: server.access_ip_v4 ?? '',
    accessIPv6: server.access_ip_v6 ?? '',
    links: links.both(linkPath(server)),
    'OS-DCF:diskConfig': diskConfig(server),
    progress: IN_PROGRESS.has(status) ? server.progress : undefined,
    fault: faultOf(server, status, rendering),
    'OS-EXT-AZ:availability_zone': zone,
    pinned_availability_zone: server.availability_zone,
    config_drive: server.config_drive ? 'True' : '',
    key_name: server.key_name,
    'OS-SRV-USG:launched_at': naiveTimeOrNull(server.launched_at),
    'OS-SRV-USG:terminated_at': naiveTimeOrNull(server.terminated_at),
    // Groups stand at the ports; before there are any, Nova shows none.
    security_groups: server.vifs.length > 0 ? securityGroups(server) : undefined,
    'OS-EXT-STS:task_state': server.task_state,
    'OS-EXT-STS:vm_state': server.vm_state,
    'OS-EXT-STS:power_state': server.power_state,
    'os-extended-volumes:volumes_attached': [],
    locked: server.locked_by !== null,
    locked_reason: server.locked_reason,
    description: server.description,
    tags: server.tags,
    trusted_image_certificates: server.trusted_image_certificates,
    'OS-EXT-SRV-ATTR:hostname': server.hostname,
    host_status: host_status ?? undefined,
    scheduler_hints: server.scheduler_hints,
  }
  if (can('os_compute_api:os-extended-server-attributes', server as never)) {
    answer['OS-EXT-SRV-ATTR:host'] = server.host
    answer['OS-EXT-SRV-ATTR:instance_name'] = instance_name
    answer['OS-EXT-SRV-ATTR:hypervisor_hostname'] = server.node
    answer['OS-EXT-SRV-ATTR:reservation_id'] = server.reservation_id
    answer['OS-EXT-SRV-ATTR:launch_index'] = server.launch_index
    answer['OS-EXT-SRV-ATTR:kernel_id'] = ''
    answer['OS-EXT-SRV-ATTR:ramdisk_id'] = ''
    answer['OS-EXT-SRV-ATTR:root_device_name'] = server.root_device_name
    answer['OS-EXT-SRV-ATTR:user_data'] = server.user_data
  }
  return answer
}

const diskConfig = (server: Server): string => (server.auto_disk_config ? 'AUTO' : 'MANUAL')

const securityGroups = (server: Server): unknown =>
  server.security_groups.length > 0 ? server.security_groups.map(({ name }) => ({ name })) : [{ name: 'default' }]

const HOST_IDS = 10_000
const hostIds = new Map<string, string>()

/** An opaque name of the host: the same for all servers of a project there, of no use to anyone else. */
export function hostId(projectId: string, host: string | null): string {
  if (host === null) return ''
  const key = projectId + host
  const known = hostIds.get(key)
  if (known !== undefined) return known
  if (hostIds.size >= HOST_IDS) hostIds.clear()
  const made = new Bun.CryptoHasher('sha224').update(key).digest('hex')
  hostIds.set(key, made)
  return made
}

/** Image properties that a guest or a client may care about; the rest stays with the image. */
const SHOWN_PROPERTIES = /^(hw_|os_|img_|architecture$|hypervisor_type$|min_ram$|min_disk$|base_image_ref$|owner_)/

function image(server: Server, links: Links): unknown {
  if (server.image_id === null) return ''
  const properties = Object.entries(server.image?.properties ?? {}).filter(([key]) => SHOWN_PROPERTIES.test(key))
  return {
    id: server.image_id,
    links: links.bookmark(`/images/${server.image_id}`),
    properties: Object.fromEntries(properties),
  }
}

function embeddedFlavor(flavor: Server['flavor'], can: Rendering['can']): unknown {
  return {
    vcpus: flavor.vcpus,
    ram: flavor.memory_mb,
    disk: flavor.root_gb,
    ephemeral: flavor.ephemeral_gb,
    swap: flavor.swap_mb,
    original_name: flavor.name,
    extra_specs: can('os_compute_api:os-flavor-extra-specs:index') ? flavor.extra_specs : undefined,
  }
}

export interface Address {
  readonly version: 4 | 6
  readonly addr: string
  readonly 'OS-EXT-IPS:type': 'fixed' | 'floating'
  readonly 'OS-EXT-IPS-MAC:mac_addr': string
}

/** The addresses of a server by the name of their network. */
export function addresses(vifs: Server['vifs']): Record<string, Address[]> {
  const byLabel: Record<string, Address[]> = {}
  for (const vif of vifs) {
    const entries = (byLabel[vif.network_label] ??= [])
    for (const { ip_address } of vif.fixed_ips) {
      entries.push({
        version: ip_address.includes(':') ? 6 : 4,
        addr: ip_address,
        'OS-EXT-IPS:type': 'fixed',
        'OS-EXT-IPS-MAC:mac_addr': vif.mac_address,
      })
    }
  }
  return byLabel
}

/** Why it failed; the details are for admins, unless the fault is none of the cloud's. */
function faultOf(server: Server, status: string, { ctx }: Rendering): unknown {
  const { fault } = server
  if (!fault || (status !== 'ERROR' && status !== 'DELETED')) return undefined
  const details = fault.details !== undefined && (ctx.isAdmin || fault.code !== 500) ? fault.details : undefined
  return { code: fault.code, created: `${fault.created.slice(0, 19)}Z`, message: fault.message, details }
}
