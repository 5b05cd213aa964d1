import {
  array,
  type Codec,
  double,
  hyper,
  int,
  nothing,
  opaque,
  optional,
  string,
  struct,
  uhyper,
  uint,
  union,
  type Value,
  vector,
} from './xdr.ts'

/**
 * The part of libvirt's remote protocol that a compute host needs: numbers, field orders and limits are those of the
 * wire, which libvirt only ever appends to. Names follow libvirt's C API in camel case. A procedure that an old daemon
 * does not have answers `VIR_ERR_NO_SUPPORT` or `VIR_ERR_RPC`.
 */
export const REMOTE_PROGRAM = 0x20008086
export const REMOTE_VERSION = 1
export const KEEPALIVE_PROGRAM = 0x6b656570
export const KEEPALIVE_VERSION = 1
export const KEEPALIVE_PING = 1
export const KEEPALIVE_PONG = 2

/** libvirt's own limits; what is larger is not from libvirt. */
export const MAX_FRAME_BYTES = 32 * 1024 * 1024
const MAX_STRING_BYTES = 4 * 1024 * 1024
const MAX_DOMAINS = 16_384
const MAX_STATS = 262_144
const MAX_CPUS = 256

const text = string(MAX_STRING_BYTES)

/** 16 bytes on the wire, the usual 36 characters here. */
const uuid: Codec<string> = {
  write: (out, value) => opaque(16).write(out, Uint8Array.fromHex(value.replaceAll('-', ''))),
  read: (from) => opaque(16).read(from).toHex().replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
}

/** A domain as libvirt names it in every call; `uuid` counts, `id` is -1 while it does not run. */
export const Domain = struct({ name: text, uuid, id: int })
export type Domain = Value<typeof Domain>
const Network = struct({ name: text, uuid })

export const TypedValue = union({ 1: int, 2: uint, 3: hyper, 4: uhyper, 5: double, 6: int, 7: text })
const TypedParams = array(struct({ field: text, value: TypedValue }), MAX_STATS)

/** What a call that failed answers instead of its result. */
export const RemoteError = struct({
  code: int,
  domain: int,
  message: optional(text),
  level: int,
  dom: optional(Domain),
  str1: optional(text),
  str2: optional(text),
  str3: optional(text),
  int1: int,
  int2: int,
  net: optional(Network),
})

export interface Procedure<A, R> {
  readonly number: number
  readonly args: Codec<A>
  readonly result: Codec<R>
}

const procedure = <A, R>(number: number, args: Codec<A>, result: Codec<R>): Procedure<A, R> => ({
  number,
  args,
  result,
})

const ofDomain = struct({ dom: Domain })
const ofDomainWithFlags = struct({ dom: Domain, flags: uint })
const ofDomainWithXml = struct({ dom: Domain, xml: text, flags: uint })
const ofDisk = struct({ dom: Domain, path: text, flags: uint })
const xmlWithFlags = struct({ xml: text, flags: uint })

export const procedures = {
  authList: procedure(66, nothing, struct({ types: array(int, 20) })),
  connectOpen: procedure(1, struct({ name: optional(text), flags: uint }), nothing),
  connectGetType: procedure(3, nothing, struct({ type: text })),
  /** Of the hypervisor: major * 1,000,000 + minor * 1,000 + release, which is Nova's form too. */
  connectGetVersion: procedure(4, nothing, struct({ version: uhyper })),
  connectGetLibVersion: procedure(157, nothing, struct({ version: uhyper })),
  connectGetHostname: procedure(59, nothing, struct({ hostname: text })),
  connectGetCapabilities: procedure(7, nothing, struct({ capabilities: text })),
  /** The processor that all of these are at least; with the flag for it, every feature by its name. */
  connectBaselineCpu: procedure(162, struct({ xmlCpus: array(text, MAX_CPUS), flags: uint }), struct({ cpu: text })),
  /** Each domain with the groups of figures that the bits of `stats` ask for; all domains when none is given. */
  connectGetAllDomainStats: procedure(
    344,
    struct({ domains: array(Domain, MAX_DOMAINS), stats: uint, flags: uint }),
    struct({ records: array(struct({ dom: Domain, params: TypedParams }), MAX_DOMAINS) }),
  ),
  connectDomainEventCallbackRegisterAny: procedure(
    316,
    struct({ eventId: int, dom: optional(Domain) }),
    struct({ callbackId: int }),
  ),
  /** `model` is a C string, one character per item; `memory` is in KiB; the last four are the topology. */
  nodeGetInfo: procedure(
    6,
    nothing,
    struct({
      model: vector(int, 32),
      memory: uhyper,
      cpus: int,
      mhz: int,
      nodes: int,
      sockets: int,
      cores: int,
      threads: int,
    }),
  ),
  domainLookupByUuid: procedure(24, struct({ uuid }), ofDomain),
  domainDefineXmlFlags: procedure(350, xmlWithFlags, ofDomain),
  domainUndefineFlags: procedure(231, ofDomainWithFlags, nothing),
  domainCreateXml: procedure(10, xmlWithFlags, ofDomain),
  domainCreateWithFlags: procedure(196, ofDomainWithFlags, ofDomain),
  domainDestroyFlags: procedure(234, ofDomainWithFlags, nothing),
  domainShutdownFlags: procedure(258, ofDomainWithFlags, nothing),
  domainSuspend: procedure(34, ofDomain, nothing),
  domainResume: procedure(28, ofDomain, nothing),
  domainGetXmlDesc: procedure(14, ofDomainWithFlags, struct({ xml: text })),
  domainManagedSave: procedure(182, ofDomainWithFlags, nothing),
  domainHasManagedSaveImage: procedure(183, ofDomainWithFlags, struct({ result: int })),
  domainManagedSaveRemove: procedure(184, ofDomainWithFlags, nothing),
  domainInjectNmi: procedure(210, ofDomainWithFlags, nothing),
  domainSetUserPassword: procedure(
    357,
    struct({ dom: Domain, user: optional(text), password: optional(text), flags: uint }),
    nothing,
  ),
  domainAttachDeviceFlags: procedure(160, ofDomainWithXml, nothing),
  domainDetachDeviceFlags: procedure(161, ofDomainWithXml, nothing),
  domainBlockCopy: procedure(
    345,
    struct({ dom: Domain, path: text, destxml: text, params: TypedParams, flags: uint }),
    nothing,
  ),
  /** `found` is 0 where no job runs; `cur` of `end` bytes are done. */
  domainGetBlockJobInfo: procedure(
    238,
    ofDisk,
    struct({ found: int, type: int, bandwidth: uhyper, cur: uhyper, end: uhyper }),
  ),
  domainBlockJobAbort: procedure(237, ofDisk, nothing),
  domainGetState: procedure(212, ofDomainWithFlags, struct({ state: int, reason: int })),
  /** Answers with a stream. A null device is the first console. */
  domainOpenConsole: procedure(201, struct({ dom: Domain, devName: optional(text), flags: uint }), nothing),
  domainGetMetadata: procedure(
    265,
    struct({ dom: Domain, type: int, uri: optional(text), flags: uint }),
    struct({ metadata: text }),
  ),
} as const

export type ProcedureName = keyof typeof procedures
export type Args<P extends ProcedureName> = (typeof procedures)[P] extends Procedure<infer A, infer _> ? A : never
export type Result<P extends ProcedureName> = (typeof procedures)[P] extends Procedure<infer _, infer R> ? R : never

/** Messages that the daemon sends by itself to those who registered for `eventId`. */
export const events = {
  lifecycle: {
    eventId: 0,
    number: 318,
    message: struct({ callbackId: int, dom: Domain, event: int, detail: int }),
  },
  /** The guest rebooted from inside, or was reset. */
  reboot: { eventId: 1, number: 319, message: struct({ callbackId: int, dom: Domain }) },
} as const

export type LibvirtEvent = {
  [K in keyof typeof events]: { event: K; message: Value<(typeof events)[K]['message']> }
}[keyof typeof events]
