import { readFileSync } from 'node:fs'
import { Type as T } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import type { HostRow, TrustLevel } from '../contracts/index.ts'
import type { Clock } from '../kernel/index.ts'
import type { Logger } from '../platform/log/index.ts'
import type { CellSource, HostsRead } from './host.ts'

/** `[trusted_computing]`, by Nova's names. */
export interface TrustedComputing {
  /** A name or address, asked over TLS; `http://…` is asked without. */
  readonly attestation_server: string | undefined
  readonly attestation_server_ca_file: string | undefined
  readonly attestation_port: number
  readonly attestation_api_url: string
  readonly attestation_auth_blob: string | undefined
  /** How long an attestation counts, seconds. */
  readonly attestation_auth_timeout: number
  /** Takes any certificate. */
  readonly attestation_insecure_ssl: boolean
}

/** What an attestation service says of hosts. It is asked in the background; what is known is there at once. */
export interface Attestation {
  of(host: string): TrustLevel
  /** In words for a tenant, why the service tells nothing; null where it does. */
  failure(): string | null
  /** Asks about these hosts if one of them is new, or its attestation past half its time. Never throws. */
  look(hosts: readonly string[]): Promise<void>
}

export interface AttestationParts {
  readonly options: TrustedComputing
  readonly clock: Clock
  readonly log: Logger
  readonly signal: AbortSignal
  /** How long an answer may take. */
  readonly deadline_ms?: number
}

interface Attested {
  readonly level: TrustLevel
  readonly expires_at: number
}

const DEADLINE_MS = 10_000
/** However many are due: a service that is down is not asked more often. New hosts wait only while it is. */
const ASK_AT_MOST_EVERY_MS = 10_000
const HOSTS_ASKED_AT_ONCE = 1_000
const MAX_ANSWER_BYTES = 4 * 2 ** 20

const Answer = T.Object({
  hosts: T.Array(T.Object({ host_name: T.String(), trust_lvl: T.String(), vtime: T.String() }), {
    maxItems: HOSTS_ASKED_AT_ONCE,
  }),
})

/** @throws {Error} for options that name no service, or a file of certificates that cannot be read */
export function createAttestation({ options, clock, log, signal, deadline_ms = DEADLINE_MS }: AttestationParts): Attestation {
  const url = urlOf(options)
  const { attestation_server_ca_file: caFile, attestation_auth_blob: blob, attestation_insecure_ssl: insecure } = options
  const tls = { rejectUnauthorized: !insecure, ...(caFile === undefined ? {} : { ca: readFileSync(caFile, 'utf8') }) }
  const lifetime_ms = options.attestation_auth_timeout * 1000
  const attested = new Map<string, Attested>()
  let askedAt = Number.NEGATIVE_INFINITY
  let failure: string | null = null

  function levelOf(host: string): TrustLevel {
    const known = attested.get(host)
    return known && clock.now() < known.expires_at ? known.level : 'unknown'
  }

  async function poll(hosts: readonly string[]): Promise<void> {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(blob === undefined ? {} : { 'x-auth-blob': blob }) },
      body: JSON.stringify({ count: hosts.length, hosts }),
      // The blob is for this server alone.
      redirect: 'error',
      signal: AbortSignal.any([signal, AbortSignal.timeout(deadline_ms)]),
      tls,
    })
    if (!response.ok) throw new Error(`it answered ${response.status}`)
    const answer: unknown = JSON.parse(await boundedText(response))
    if (!Value.Check(Answer, answer)) throw new Error('its answer is not what PollHosts answers')
    const asked = new Set(hosts)
    // What it does not tell of is unknown, and not new.
    for (const host of hosts) attested.set(host, { level: 'unknown', expires_at: clock.now() + lifetime_ms })
    for (const { host_name, trust_lvl, vtime } of answer.hosts) {
      const seenAt = Date.parse(vtime)
      if (!asked.has(host_name) || Number.isNaN(seenAt)) continue
      // A clock that runs ahead must not make an attestation count for longer.
      attested.set(host_name, { level: levelIn(trust_lvl), expires_at: Math.min(seenAt, clock.now()) + lifetime_ms })
    }
  }

  async function ask(hosts: readonly string[]): Promise<void> {
    askedAt = clock.now()
    try {
      for (let at = 0; at < hosts.length; at += HOSTS_ASKED_AT_ONCE) await poll(hosts.slice(at, at + HOSTS_ASKED_AT_ONCE))
      if (failure !== null) log.info({}, 'the attestation service answers again')
      failure = null
    } catch (error) {
      if (signal.aborted) return
      if (failure === null) log.warn({ err: error }, 'the attestation service does not answer: hosts become unknown')
      failure = 'the attestation service does not answer'
    }
  }

  return {
    of: levelOf,
    failure: () => failure,
    async look(hosts) {
      const now = clock.now()
      const isDue = hosts.some((host) => (attested.get(host)?.expires_at ?? 0) - now <= lifetime_ms / 2)
      const isNew = failure === null && hosts.some((host) => !attested.has(host))
      const pause = Math.min(lifetime_ms / 2, ASK_AT_MOST_EVERY_MS)
      // A clock that was set back must not stop the asking.
      if (isNew || (isDue && Math.abs(now - askedAt) >= pause)) await ask(hosts)
      const present = new Set(hosts)
      for (const host of attested.keys()) if (!present.has(host)) attested.delete(host)
    },
  }
}

const levelIn = (word: string): TrustLevel => (word === 'trusted' || word === 'untrusted' ? word : 'unknown')

function urlOf({ attestation_server: server, attestation_port: port, attestation_api_url: path }: TrustedComputing): string {
  if (!server) throw new Error('[trusted_computing] attestation_server: TrustedFilter is enabled and needs one')
  const base = /^https?:\/\//.test(server) ? server : `https://${server}`
  if (!URL.canParse(`${base}:${port}`)) throw new Error(`[trusted_computing] attestation_server: ${server} is no name or address`)
  return `${base}:${port}${path}/PollHosts`
}

async function boundedText(response: Response): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength
    if (bytes > MAX_ANSWER_BYTES) throw new Error(`its answer has more than ${MAX_ANSWER_BYTES} bytes`)
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

/** The same hosts, each with what is known of its trust when its row comes. */
export function attestedSource(source: CellSource, attestation: Attestation): CellSource {
  const withTrust = (row: HostRow): HostRow => ({ ...row, trust: attestation.of(row.host) })
  const attest = <Read extends HostsRead>(read: Read): Read => ({ ...read, hosts: read.hosts.map(withTrust) })
  return {
    cell_id: source.cell_id,
    hostsSince: async (marker, servers) => attest(await source.hostsSince(marker, servers)),
    hosts: async (ids, servers) => attest(await source.hosts(ids, servers)),
  }
}
