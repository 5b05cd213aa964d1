import { Type as T } from '@sinclair/typebox'
import { Base64, Bool, Int, Ip, Many, Tag, Text, Uuid } from './fields.ts'
import { closed } from './changes.ts'

/** Parts of server requests of which the history has older forms too. */

/** More ports than the contract with a host carries are refused at the door. */
const MAX_NETWORKS = 64
const MAX_BLOCK_DEVICES = 64

/** `strict`: since 2.37 the key is required, may be a word, and the network's id must look like one. */
export function NetworksOf({ tag, strict }: { tag: boolean; strict: boolean }) {
  const list = T.Array(
    closed({
      uuid: T.Optional(strict ? Uuid : Text),
      port: T.Optional(T.Union([Uuid, T.Null()])),
      fixed_ip: T.Optional(Ip),
      ...(tag ? { tag: T.Optional(Tag) } : {}),
    }),
    { maxItems: MAX_NETWORKS },
  )
  return strict ? T.Union([list, T.Literal('auto'), T.Literal('none')]) : T.Optional(list)
}

const DeviceName = T.String({ minLength: 1, maxLength: 255, pattern: '^[a-zA-Z0-9._/-]*$' })

/** Where a volume is attached, as the guest calls it. */
export const DevicePath = T.Union([
  T.String({ maxLength: 255, pattern: '^(/dev/x?[a-z]?d?)([a-z]+)[0-9]*$' }),
  T.Null(),
])

const volumeOf = {
  virtual_name: T.Optional(Text),
  volume_id: T.Optional(Uuid),
  snapshot_id: T.Optional(Uuid),
  volume_size: T.Optional(T.Union([Int(1), T.Null()])),
  device_name: T.Optional(DeviceName),
  delete_on_termination: T.Optional(Bool),
  no_device: T.Optional(T.Unknown()),
  connection_info: T.Optional(T.Unknown()),
}

export const BlockDeviceV1 = T.Array(closed(volumeOf), { maxItems: MAX_BLOCK_DEVICES })

export function BlockDeviceOf({ tag, volume_type }: { tag: boolean; volume_type: boolean }) {
  return T.Optional(
    T.Array(
      closed({
        ...volumeOf,
        source_type: T.Optional(T.Union(['volume', 'image', 'snapshot', 'blank'].map((word) => T.Literal(word)))),
        uuid: T.Optional(T.String({ minLength: 1, maxLength: 255, pattern: '^[a-zA-Z0-9._-]*$' })),
        image_id: T.Optional(Uuid),
        destination_type: T.Optional(T.Union([T.Literal('local'), T.Literal('volume')])),
        guest_format: T.Optional(Text),
        device_type: T.Optional(Text),
        disk_bus: T.Optional(Text),
        boot_index: T.Optional(T.Union([T.Integer(), T.String({ maxLength: 20, pattern: '^-?\\d*$' }), T.Null()])),
        ...(tag ? { tag: T.Optional(Tag) } : {}),
        ...(volume_type ? { volume_type: T.Optional(T.Union([Text, T.Null()])) } : {}),
      }),
      { maxItems: MAX_BLOCK_DEVICES },
    ),
  )
}

/** Files written into the guest, until 2.57. */
export const Personality = T.Optional(
  T.Array(closed({ path: T.String({ maxLength: 255 }), contents: Base64(65_535) }), { maxItems: 64 }),
)

/** Until 2.94; a fully qualified name since. */
export const Hostname = T.String({ minLength: 2, maxLength: 63, pattern: '^[a-zA-Z0-9]+[a-zA-Z0-9-]*[a-zA-Z0-9]+$' })

const UuidOrList = T.Union([Uuid, T.Array(Uuid, { maxItems: 1000 })])

/** What is said to the scheduler. Open: a deployment's own filters may know more. */
export const SchedulerHints = T.Object({
  group: T.Optional(Uuid),
  different_host: T.Optional(UuidOrList),
  same_host: T.Optional(UuidOrList),
  query: T.Optional(T.Union([T.String(), T.Object({})])),
  target_cell: T.Optional(Text),
  different_cell: T.Optional(T.Union([T.String(), T.Array(T.String(), { maxItems: 1000 })])),
  build_near_host_ip: T.Optional(Ip),
  cidr: T.Optional(T.String({ pattern: '^/[0-9a-f.:]+$' })),
})

const SORT_KEYS = [
  'access_ip_v4',
  'access_ip_v6',
  'auto_disk_config',
  'availability_zone',
  'config_drive',
  'created_at',
  'display_description',
  'display_name',
  'host',
  'hostname',
  'image_ref',
  'instance_type_id',
  'kernel_id',
  'key_name',
  'launch_index',
  'launched_at',
  'locked_by',
  'node',
  'power_state',
  'progress',
  'project_id',
  'ramdisk_id',
  'root_device_name',
  'task_state',
  'terminated_at',
  'updated_at',
  'user_id',
  'uuid',
  'vm_state',
]
/** Accepted before 2.75, without any effect on the order. */
const IGNORED_SORT_KEYS = [
  'architecture',
  'cell_name',
  'cleaned',
  'default_ephemeral_device',
  'default_swap_device',
  'deleted',
  'deleted_at',
  'disable_terminate',
  'ephemeral_gb',
  'ephemeral_key_uuid',
  'id',
  'key_data',
  'launched_on',
  'memory_mb',
  'os_type',
  'reservation_id',
  'root_gb',
  'shutdown_terminate',
  'user_data',
  'vcpus',
  'vm_mode',
]

export function ServerSortKey({ locked, legacy }: { locked: boolean; legacy: boolean }) {
  const keys = [...SORT_KEYS, ...(locked ? ['locked'] : []), ...(legacy ? IGNORED_SORT_KEYS : [])]
  return T.Union(keys.map((key) => T.Literal(key)))
}

export const SortDirection = Many(T.Union([T.Literal('asc'), T.Literal('desc')]))
