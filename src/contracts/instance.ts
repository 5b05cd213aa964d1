import { type Static, Type as T } from '@sinclair/typebox'

export const Uuid = T.String({ pattern: '^[0-9a-f-]{36}$' })
export const Name = T.String({ minLength: 1, maxLength: 255 })
export const Count = T.Integer({ minimum: 0, maximum: 2 ** 31 - 1 })

export const Flavor = T.Object({
  id: Name,
  name: Name,
  vcpus: Count,
  memory_mb: Count,
  root_gb: Count,
  ephemeral_gb: Count,
  swap_mb: Count,
  extra_specs: T.Record(T.String({ maxLength: 255 }), T.String({ maxLength: 255 })),
})
export type Flavor = Static<typeof Flavor>

/** Where a host gets an image's bytes, and what they must turn out to be. */
export const ImageSource = T.Object({
  id: Uuid,
  name: T.String({ maxLength: 255 }),
  /** `GET` with `headers` gives the bytes; valid for the deadline of the command. */
  url: T.String({ maxLength: 2048 }),
  headers: T.Record(T.String(), T.String()),
  disk_format: T.Union([T.Literal('raw'), T.Literal('qcow2')]),
  size_bytes: T.Integer({ minimum: 0 }),
  sha512: T.String({ pattern: '^[0-9a-f]{128}$' }),
  min_disk_gb: Count,
  properties: T.Record(T.String(), T.String()),
})
export type ImageSource = Static<typeof ImageSource>

/** Where a host puts an image that it makes of a guest's disk. */
export const ImageTarget = T.Object({
  id: Uuid,
  /** `PUT` with `headers` takes the bytes; valid for the deadline of the command, and for this image only. */
  url: T.String({ maxLength: 2048 }),
  headers: T.Record(T.String(), T.String()),
  disk_format: T.Union([T.Literal('raw'), T.Literal('qcow2')]),
})
export type ImageTarget = Static<typeof ImageTarget>

/** A port as its guest sees it. */
export const Vif = T.Object({
  port_id: Uuid,
  network_id: Uuid,
  network_label: T.String({ maxLength: 255 }),
  mac_address: T.String({ pattern: '^([0-9a-f]{2}:){5}[0-9a-f]{2}$' }),
  mtu: T.Integer({ minimum: 68, maximum: 65535 }),
  fixed_ips: T.Array(
    T.Object({
      subnet_id: Uuid,
      ip_address: T.String({ maxLength: 45 }),
      prefix_length: T.Integer({ minimum: 0, maximum: 128 }),
      gateway_ip: T.Union([T.String({ maxLength: 45 }), T.Null()]),
    }),
    { maxItems: 64 },
  ),
})
export type Vif = Static<typeof Vif>

/** The keypair that a server was asked for with. */
export const GuestKey = T.Object({
  name: T.String({ maxLength: 255 }),
  type: T.Union([T.Literal('ssh'), T.Literal('x509')]),
  public_key: T.String({ maxLength: 16_384 }),
})
export type GuestKey = Static<typeof GuestKey>

/** All a host needs to make a server's guest; nothing in it may be taken for a path. */
export const Instance = T.Object({
  server_id: Uuid,
  /** libvirt's domain name, from `instance_name_template`: `instance-0000002a`. */
  instance_name: T.String({ pattern: '^[A-Za-z0-9._-]{1,64}$' }),
  name: T.String({ maxLength: 255 }),
  hostname: T.String({ maxLength: 255 }),
  project_id: Name,
  project_name: T.String({ maxLength: 255 }),
  user_id: Name,
  user_name: T.String({ maxLength: 255 }),
  created_at: T.String({ maxLength: 40 }),
  flavor: Flavor,
  image: T.Union([ImageSource, T.Null()]),
  /** Booted past the image's own loader, where the image names them. */
  kernel: T.Optional(ImageSource),
  ramdisk: T.Optional(ImageSource),
  vifs: T.Array(Vif, { maxItems: 64 }),
  reservation_id: T.String({ maxLength: 255 }),
  /** Its place among the servers of one request, from 0. */
  launch_index: Count,
  availability_zone: T.Union([T.String({ maxLength: 255 }), T.Null()]),
  metadata: T.Record(T.String({ maxLength: 255 }), T.String({ maxLength: 255 })),
  /** Names, for the guest to read. */
  security_groups: T.Array(T.String({ maxLength: 255 }), { maxItems: 256 }),
  key: T.Union([GuestKey, T.Null()]),
  /** Base64, as the request had it. */
  user_data: T.Union([T.String({ maxLength: 65_535 }), T.Null()]),
  config_drive: T.Boolean(),
  /** Shown to the guest on its config drive only. */
  admin_password: T.Optional(T.String({ maxLength: 255 })),
  /** Files that the guest finds on its config drive, as clients before 2.57 may ask for. */
  personality: T.Array(
    T.Object({
      path: T.String({ maxLength: 255 }),
      /** Base64. */
      contents: T.String({ maxLength: 65_535 }),
    }),
    { maxItems: 32 },
  ),
})
export type Instance = Static<typeof Instance>

export const PowerState = T.Union([
  T.Literal('nostate'),
  T.Literal('running'),
  T.Literal('paused'),
  T.Literal('shutdown'),
  T.Literal('crashed'),
  T.Literal('suspended'),
])
export type PowerState = Static<typeof PowerState>
