import { type Static, Type as T } from '@sinclair/typebox'

const Bytes = T.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })

/** A file of a guest's disks, as it is called in the guest's folder: `disk`, `disk.config`, `disk.swap`. */
export const DiskFile = T.Object({
  name: T.String({ pattern: '^disk(\\.[a-z0-9]{1,32})?$' }),
  format: T.Union([T.Literal('raw'), T.Literal('qcow2')]),
  /** What there is to transfer. */
  size_bytes: Bytes,
  /** What the guest sees. */
  virtual_size_bytes: Bytes,
})
export type DiskFile = Static<typeof DiskFile>

/**
 * How one host fetches from another the disks of a guest that the other has set aside: `GET <url>/<name>` over TLS,
 * `Authorization: Bearer <secret>`. The certificate is told by its fingerprint, so that hosts need no authority in
 * common. The secret is good for this guest only, and no longer than the files stay set aside.
 */
export const DiskOffer = T.Object({
  url: T.String({ pattern: '^https://', maxLength: 2048 }),
  secret: T.String({ minLength: 16, maxLength: 256 }),
  /** SHA-256 of the certificate in DER, in hex. */
  certificate_sha256: T.String({ pattern: '^[0-9a-f]{64}$' }),
  disks: T.Array(DiskFile, { maxItems: 32 }),
})
export type DiskOffer = Static<typeof DiskOffer>

/** Whether a live migration copies the disks, or both hosts see the same ones. */
export const LiveDisks = T.Union([T.Literal('block'), T.Literal('shared')])
export type LiveDisks = Static<typeof LiveDisks>

/** What the source of a live migration must know of a destination that is prepared. */
export const LiveTarget = T.Object({
  /** Of the destination's libvirt: `qemu+tls://host/system`. */
  connection_uri: T.String({ maxLength: 2048 }),
  /** Where the guest's memory is to go: `tcp://10.0.0.2:49152`. */
  migrate_uri: T.String({ maxLength: 2048 }),
  /** Where its disks are to go, where that is elsewhere. */
  disks_uri: T.Optional(T.String({ maxLength: 2048 })),
  /** A file that the destination has made among its guests' disks: who sees it there shares that storage. */
  storage_probe: T.Optional(T.String({ pattern: '^[A-Za-z0-9._-]{1,128}$' })),
  /** What else the two drivers have to tell each other, passed on as it is: addresses to listen at, a domain's XML. */
  settings: T.Optional(T.Record(T.String({ maxLength: 64 }), T.String({ maxLength: 262_144 }))),
})
export type LiveTarget = Static<typeof LiveTarget>

/** How far something that takes long is; only stages and sums that are known. */
export const Progress = T.Object({
  /** Of a snapshot: `snapshot`, `upload`; of a live migration: `prepare`, `running`, `post-copy`. */
  stage: T.String({ pattern: '^[a-z-]{1,32}$' }),
  percent: T.Optional(T.Integer({ minimum: 0, maximum: 100 })),
  memory_total_bytes: T.Optional(Bytes),
  memory_processed_bytes: T.Optional(Bytes),
  memory_remaining_bytes: T.Optional(Bytes),
  disk_total_bytes: T.Optional(Bytes),
  disk_processed_bytes: T.Optional(Bytes),
  disk_remaining_bytes: T.Optional(Bytes),
})
export type Progress = Static<typeof Progress>
