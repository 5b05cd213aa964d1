import { Type as T } from '@sinclair/typebox'
import type { CreateServers } from '../../compute/index.ts'
import type { SchedulerHints as Hints } from '../../contracts/index.ts'
import { badRequest, isUuid } from '../../kernel/index.ts'
import { closed } from './changes.ts'
import {
  Base64,
  Bool,
  boolean,
  canonicalUuid,
  Description,
  Fqdn,
  Int,
  integer,
  Ipv4,
  Ipv6,
  Metadata,
  Name,
  Tag,
  Uuid,
} from './fields.ts'
import { type Asked, bodyShape } from './route.ts'
import { BlockDeviceOf, BlockDeviceV1, NetworksOf, SchedulerHints } from './server-fields.ts'

/** Nova's bound, before decoding. */
const MAX_USER_DATA_CHARS = 65_535
const MAX_TAGS = 50

/** The fields of `server`, in their newest form. */
export const createFields = {
  name: Name,
  flavorRef: T.Union([T.String({ minLength: 1, maxLength: 512 }), T.Integer({ minimum: 0 })]),
  imageRef: T.Optional(T.Union([Uuid, T.Literal('')])),
  networks: NetworksOf({ tag: true, strict: true }),
  adminPass: T.Optional(T.String({ maxLength: 255 })),
  metadata: T.Optional(Metadata),
  availability_zone: T.Optional(Name),
  block_device_mapping: T.Optional(BlockDeviceV1),
  block_device_mapping_v2: BlockDeviceOf({ tag: true, volume_type: true }),
  config_drive: T.Optional(Bool),
  key_name: T.Optional(Name),
  min_count: T.Optional(Int(1)),
  max_count: T.Optional(Int(1)),
  return_reservation_id: T.Optional(Bool),
  security_groups: T.Optional(T.Array(closed({ name: T.Optional(Name) }), { maxItems: 64 })),
  user_data: T.Optional(Base64(MAX_USER_DATA_CHARS)),
  'OS-DCF:diskConfig': T.Optional(T.Union([T.Literal('AUTO'), T.Literal('MANUAL')])),
  accessIPv4: T.Optional(Ipv4),
  accessIPv6: T.Optional(Ipv6),
  description: T.Optional(Description),
  tags: T.Optional(T.Array(Tag, { maxItems: MAX_TAGS })),
  trusted_image_certificates: T.Optional(
    T.Union([
      T.Array(T.String({ minLength: 1, maxLength: 255 }), { minItems: 1, maxItems: 50, uniqueItems: true }),
      T.Null(),
    ]),
  ),
  host: T.Optional(Fqdn),
  hypervisor_hostname: T.Optional(Fqdn),
  hostname: T.Optional(Fqdn),
}

/** What is said to the scheduler, beside `server`. */
export const hintFields = {
  'os:scheduler_hints': T.Optional(SchedulerHints),
  'OS-SCH-HNT:scheduler_hints': T.Optional(SchedulerHints),
}

export const ServerCreate = bodyShape('server.create', createFields, (server) => closed({ server, ...hintFields }))
export type ServerCreate = ReturnType<ReturnType<typeof ServerCreate.at>>
type Wanted = ServerCreate['server']

const hintsIn = (body: ServerCreate) => body['os:scheduler_hints'] ?? body['OS-SCH-HNT:scheduler_hints'] ?? {}

/** The group that a server shall be in; null for none. */
function groupHint(body: ServerCreate): string | null {
  const { group } = hintsIn(body)
  return group === undefined ? null : canonicalUuid(group)
}

/** The hints that filters read; an empty list is no hint, as in Nova. */
function hintsOf(body: ServerCreate): Hints {
  const { different_host, same_host, build_near_host_ip, cidr, query } = hintsIn(body)
  const ids = (servers: string | readonly string[] = []) => [servers].flat().map(canonicalUuid)
  if (typeof query === 'object' && Object.keys(query).length > 0) {
    throw badRequest('Invalid scheduler hint query: it is JSON text, of a list.')
  }
  return {
    ...(ids(different_host).length === 0 ? {} : { different_host: ids(different_host) }),
    ...(ids(same_host).length === 0 ? {} : { same_host: ids(same_host) }),
    ...(build_near_host_ip === undefined ? {} : { build_near_host_ip }),
    ...(cidr === undefined ? {} : { cidr }),
    ...(typeof query === 'string' ? { query } : {}),
  }
}

/**
 * From the request's words to what the use case takes, with the checks that concern the words alone.
 * @throws {Problem} bad_request, or forbidden where a field needs a right of its own
 */
export function createRequest(req: Asked & { readonly body: ServerCreate }): CreateServers {
  const { server } = req.body
  const counts = countsOf(server)
  const place = placeOf(req, server)
  return {
    name: server.name,
    description: req.does('description-is-its-own') ? (server.description ?? null) : server.name,
    flavor_id: lastSegment(String(server.flavorRef)),
    image_id: imageOf(req, server),
    key_name: server.key_name ?? null,
    metadata: server.metadata ?? {},
    tags: [...new Set(server.tags ?? [])],
    networks: networksOf(req, server, counts.max_count),
    security_groups: [...new Set((server.security_groups ?? []).map((group) => group.name ?? 'default'))],
    ...place,
    ...destinationOf(req, server),
    hints: hintsOf(req.body),
    asked_hints: hintsIn(req.body),
    group_id: groupHint(req.body),
    trusted_image_certificates: certificatesOf(req, server),
    hostname: hostnameOf(server, counts.max_count),
    config_drive: server.config_drive === undefined ? false : boolean(server.config_drive),
    user_data: server.user_data ?? null,
    // Known until 2.57 only, and so no field of the newest form.
    personality: (server as Pick<CreateServers, 'personality'>).personality,
    access_ip_v4: server.accessIPv4 ?? null,
    access_ip_v6: server.accessIPv6 ?? null,
    auto_disk_config: server['OS-DCF:diskConfig'] === undefined ? null : server['OS-DCF:diskConfig'] === 'AUTO',
    ...counts,
    may_use_zero_disk: req.can('os_compute_api:servers:create:zero_disk_flavor'),
  }
}

/** Clients may give a flavor or an image as the URL of its resource. */
const lastSegment = (reference: string): string => reference.split('/').pop() ?? ''

function countsOf(server: Wanted): { min_count: number; max_count: number } {
  const min_count = integer(server.min_count ?? 1)
  const max_count = integer(server.max_count ?? min_count)
  if (min_count > max_count) throw badRequest('min_count must be <= max_count')
  return { min_count, max_count }
}

/** `az`, or for those who may choose the host `az:host`, `az:host:node` and `az::node`. */
function placeOf(req: Asked, server: Wanted): Pick<CreateServers, 'availability_zone' | 'force_host' | 'force_node'> {
  const nowhere = { availability_zone: null, force_host: null, force_node: null }
  if (server.availability_zone === undefined) return nowhere
  const parts = server.availability_zone.split(':')
  if (parts.length > 3) throw badRequest('Unable to parse availability_zone')
  const [zone = '', host = '', node = ''] = parts
  if (parts.length > 1) req.must('os_compute_api:servers:create:forced_host')
  return { availability_zone: zone || null, force_host: host || null, force_node: node || null }
}

/** Unlike a forced host, one that must pass the filters. */
function destinationOf(req: Asked, server: Wanted): Pick<CreateServers, 'requested_host' | 'requested_node'> {
  const { host, hypervisor_hostname: node } = server
  if (host === undefined && node === undefined) return { requested_host: null, requested_node: null }
  req.must('compute:servers:create:requested_destination')
  if (server.availability_zone?.includes(':')) {
    throw badRequest('A forced host in availability_zone and a requested host cannot be specified together.')
  }
  return { requested_host: host ?? null, requested_node: node ?? null }
}

function certificatesOf(req: Asked, server: Wanted): CreateServers['trusted_image_certificates'] {
  const ids = server.trusted_image_certificates ?? null
  if (ids !== null) req.must('os_compute_api:servers:create:trusted_certs')
  return ids
}

function imageOf(req: Asked, server: Wanted): string {
  const devices = server.block_device_mapping_v2 ?? []
  if (devices.length > 0 || server.block_device_mapping?.length) req.must('os_compute_api:servers:create:attach_volume')
  if (server.block_device_mapping?.length && devices.length > 0) {
    throw badRequest('Using different block_device_mapping syntaxes is not allowed in the same request.')
  }
  // The one device that needs no volume service: the image itself, as the disk to boot from.
  const others = devices.filter(
    (device) =>
      !(device.source_type === 'image' && device.destination_type === 'local' && String(device.boot_index) === '0'),
  )
  if (others.length > 0 || server.block_device_mapping?.length) {
    throw badRequest('Block Device Mapping is Invalid: this cloud has no volume service.')
  }
  const image = server.imageRef || devices[0]?.uuid
  if (!image) throw badRequest('Invalid imageRef provided.')
  if (devices.length > 0 && server.imageRef && canonicalUuid(server.imageRef) !== devices[0]?.uuid) {
    throw badRequest('Block Device Mapping is Invalid: image and boot device differ.')
  }
  const id = canonicalUuid(image)
  if (!isUuid(id)) throw badRequest('Invalid imageRef provided.')
  return id
}

function networksOf(req: Asked, server: Wanted, maxCount: number): CreateServers['networks'] {
  // Until 2.37 the key may be missing, and an empty list asks for nothing in particular: the one network there is.
  const networks = server.networks as Wanted['networks'] | undefined
  if (networks === undefined || networks === 'auto') return 'auto'
  if (networks === 'none') return 'none'
  if (networks.length === 0) return 'auto'
  req.must('os_compute_api:servers:create:attach_network')
  const ports = new Set<string>()
  return networks.map((network) => {
    const port = network.port ? canonicalUuid(network.port) : undefined
    if (port !== undefined) {
      if (network.fixed_ip !== undefined) {
        throw badRequest(
          `Specified Fixed IP '${network.fixed_ip}' cannot be used with port '${port}': ` +
            'the two cannot be specified together.',
        )
      }
      if (ports.has(port)) throw badRequest(`Port ID ${port} is requested twice.`)
      ports.add(port)
      if (maxCount > 1)
        throw badRequest(
          'Unable to launch multiple instances with a single configured port ID. ' +
            'Please launch your instance one by one with different ports.',
        )
    }
    if (network.fixed_ip !== undefined && maxCount > 1) {
      throw badRequest('Invalid fixed IP Address in block request: max_count must be 1 if a fixed_ip is specified.')
    }
    if (port === undefined && network.uuid === undefined) {
      throw badRequest("Bad network format: missing 'uuid'")
    }
    if (port === undefined && !/^[0-9a-fA-F-]{32,36}$/.test(network.uuid ?? '')) {
      throw badRequest(`Bad networks format: network uuid is not in proper format (${network.uuid})`)
    }
    return {
      ...(port === undefined ? { network_id: canonicalUuid(network.uuid!) } : { port_id: port }),
      ...(network.fixed_ip === undefined ? {} : { fixed_ip: network.fixed_ip }),
      ...(network.tag === undefined ? {} : { tag: network.tag }),
    }
  })
}

function hostnameOf(server: Wanted, maxCount: number): string | null {
  if (server.hostname === undefined) return null
  if (maxCount > 1) throw badRequest('Cannot specify a hostname when creating multiple servers.')
  return server.hostname
}
