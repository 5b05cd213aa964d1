import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FILTER_OPTIONS, idleHost, requestFor } from '../../test/support/fleet.ts'
import { type ManualClock, manualClock } from '../../test/support/manual-clock.ts'
import { eventually } from '../../test/support/eventually.ts'
import { quietLog } from '../../test/support/quiet-log.ts'
import { has } from '../../test/support/requirements.ts'
import { createMemoryBus } from '../platform/bus/index.ts'
import { type Attestation, createAttestation, type TrustedComputing } from './attestation.ts'
import { createScheduler, sentence } from './index.ts'

const START = Date.parse('2026-01-01T00:00:00Z')
const HOSTS = ['host-1', 'host-2', 'host-3']

/** An attestation service on loopback. */
let service: ReturnType<typeof Bun.serve>
let asked: { path: string; blob: string | null; body: unknown }[]
let answer: (hosts: string[]) => Response | Promise<Response>
let clock: ManualClock
let stopping: AbortController

const saying = (levels: Record<string, string>, vtime = new Date(clock.now()).toISOString()) => () =>
  Response.json({ hosts: Object.entries(levels).map(([host_name, trust_lvl]) => ({ host_name, trust_lvl, vtime })) })

function serve(port = 0, tls?: { key: string; cert: string }): void {
  service = Bun.serve({
    hostname: '127.0.0.1',
    port,
    ...(tls ? { tls } : {}),
    async fetch(request) {
      const body = (await request.json()) as { hosts: string[] }
      asked.push({ path: new URL(request.url).pathname, blob: request.headers.get('x-auth-blob'), body })
      return answer(body.hosts)
    },
  })
}

beforeEach(() => {
  clock = manualClock(START)
  stopping = new AbortController()
  asked = []
  answer = saying({ 'host-1': 'trusted', 'host-2': 'untrusted', 'host-3': 'dubious', 'host-9': 'trusted' })
  serve()
})
afterEach(async () => {
  stopping.abort()
  await service.stop(true)
})

const options = (changes: Partial<TrustedComputing> = {}): TrustedComputing => ({
  attestation_server: 'http://127.0.0.1',
  attestation_server_ca_file: undefined,
  attestation_port: service.port!,
  attestation_api_url: '/Attest/V1',
  attestation_auth_blob: 'secret',
  attestation_auth_timeout: 60,
  attestation_insecure_ssl: false,
  ...changes,
})
const attest = (changes: Partial<TrustedComputing> = {}, deadline_ms = 10_000): Attestation =>
  createAttestation({ options: options(changes), clock, log: quietLog, signal: stopping.signal, deadline_ms })
const levels = (attestation: Attestation) => HOSTS.map(attestation.of)

describe('attestations', () => {
  test('are asked for in one request with the blob, and are unknown before', async () => {
    const attestation = attest()
    expect(levels(attestation)).toEqual(['unknown', 'unknown', 'unknown'])
    await attestation.look(HOSTS)
    expect(levels(attestation)).toEqual(['trusted', 'untrusted', 'unknown'])
    expect(asked).toEqual([{ path: '/Attest/V1/PollHosts', blob: 'secret', body: { count: 3, hosts: HOSTS } }])
  })

  test('are kept for half their time, then asked for again', async () => {
    answer = () => saying({ 'host-1': 'trusted', 'host-2': 'trusted', 'host-3': 'trusted' })()
    const attestation = attest()
    await attestation.look(HOSTS)
    await clock.advance(29_000)
    await attestation.look(HOSTS)
    expect(asked).toHaveLength(1)
    await clock.advance(1_000)
    await attestation.look(HOSTS)
    expect(asked).toHaveLength(2)
    await clock.advance(59_000)
    expect(levels(attestation)).toEqual(['trusted', 'trusted', 'trusted'])
    await clock.advance(1_000)
    expect(levels(attestation)).toEqual(['unknown', 'unknown', 'unknown'])
  })

  test('of a new host are asked for at once', async () => {
    const attestation = attest()
    await attestation.look(['host-1'])
    await attestation.look(HOSTS)
    expect(levels(attestation)).toEqual(['trusted', 'untrusted', 'unknown'])
    await attestation.look([...HOSTS, 'host-4'])
    await attestation.look([...HOSTS, 'host-4'])
    expect(asked).toHaveLength(3)
  })

  test('count from the time that they tell, never for longer than that of their arrival', async () => {
    const attestation = attest()
    answer = () =>
      Response.json({
        hosts: [
          { host_name: 'host-1', trust_lvl: 'trusted', vtime: new Date(START - 40_000).toISOString() },
          { host_name: 'host-2', trust_lvl: 'trusted', vtime: new Date(START + 3_600_000).toISOString() },
          { host_name: 'host-3', trust_lvl: 'trusted', vtime: 'yesterday' },
        ],
      })
    await attestation.look(HOSTS)
    expect(levels(attestation)).toEqual(['trusted', 'trusted', 'unknown'])
    await clock.advance(20_000)
    expect(levels(attestation)).toEqual(['unknown', 'trusted', 'unknown'])
    await clock.advance(40_000)
    expect(levels(attestation)).toEqual(['unknown', 'unknown', 'unknown'])
  })

  test('of a host that the service no longer tells of are gone', async () => {
    const attestation = attest()
    await attestation.look(HOSTS)
    answer = saying({ 'host-2': 'trusted' })
    await clock.advance(30_000)
    await attestation.look(HOSTS)
    expect(levels(attestation)).toEqual(['unknown', 'trusted', 'unknown'])
  })

  test('run out while the service is dead, which is asked in vain at most every ten seconds, and come back with it', async () => {
    const attestation = attest()
    await attestation.look(HOSTS)
    const { port } = service
    await service.stop(true)
    await clock.advance(31_000)
    await attestation.look(HOSTS)
    expect(attestation.of('host-1')).toBe('trusted')
    expect(attestation.failure()).toBe('the attestation service does not answer')
    await clock.advance(29_000)
    await attestation.look(HOSTS)
    expect(attestation.of('host-1')).toBe('unknown')
    serve(port)
    answer = saying({ 'host-1': 'trusted' })
    await clock.advance(5_000)
    await attestation.look(HOSTS)
    expect(attestation.of('host-1')).toBe('unknown')
    await clock.advance(5_000)
    await attestation.look(HOSTS)
    expect([attestation.of('host-1'), attestation.failure()]).toEqual(['trusted', null])
  })

  const broken: [string, () => Response | Promise<Response>][] = [
    ['never answers', () => new Promise(() => {})],
    ['answers an error', () => new Response('no', { status: 500 })],
    ['answers no JSON', () => new Response('trusted')],
    ['answers another form', () => Response.json({ hosts: { 'host-1': 'trusted' } })],
    ['answers without an end', () => new Response('x'.repeat(5 * 2 ** 20))],
    ['sends elsewhere', () => Response.redirect('/elsewhere', 307)],
  ]
  test.each(broken)('are unknown where the service %s', async (_what, broken) => {
    const attestation = attest({}, 200)
    answer = broken
    await attestation.look(HOSTS)
    expect(levels(attestation)).toEqual(['unknown', 'unknown', 'unknown'])
    expect(attestation.failure()).toBe('the attestation service does not answer')
    expect(asked).toHaveLength(1)
  })

  test.each([undefined, '', 'no such name'])('cannot be had of the server %p: the start ends with the option', (server) => {
    expect(() => attest({ attestation_server: server })).toThrow('[trusted_computing] attestation_server')
  })
})

describe.if(has('openssl'))('a service over TLS', () => {
  test('is believed where its certificate is, or any will do', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'attestation-'))
    try {
      const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(directory, name)) as [string, string]
      const made = Bun.spawnSync(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1',
        '-nodes', '-days', '1', '-subj', '/CN=attestation', '-addext', 'subjectAltName=IP:127.0.0.1',
        '-keyout', key, '-out', cert])
      expect(made.exitCode).toBe(0)
      await service.stop(true)
      serve(0, { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') })
      const levelWith = async (changes: Partial<TrustedComputing>) => {
        const attestation = attest({ attestation_server: '127.0.0.1', ...changes })
        await attestation.look(HOSTS)
        return attestation.of('host-1')
      }
      expect(await levelWith({})).toBe('unknown')
      expect(asked).toEqual([])
      expect(await levelWith({ attestation_server_ca_file: cert })).toBe('trusted')
      expect(await levelWith({ attestation_insecure_ssl: true })).toBe('trusted')
    } finally {
      rmSync(directory, { recursive: true })
    }
  })
})

test('a flavor that wants trust gets hosts that are attested, and the reason when there are none', async () => {
  const bus = createMemoryBus({ log: quietLog })
  const rows = [1, 2, 3].map((id) => idleHost(id, { last_seen_at: START }))
  const hosts = async () => ({ hosts: rows, claimed: new Map() })
  const scheduler = createScheduler({
    config: {
      DEFAULT: { service_down_time: 3_600 },
      filter_scheduler: {
        ...FILTER_OPTIONS,
        enabled_filters: ['nova.scheduler.filters.trusted_filter.TrustedFilter'],
        host_subset_size: 1,
        shuffle_best_same_weighed_hosts: false,
      },
      trusted_computing: options(),
    },
    cells: [{ cell_id: 'cell1', hosts, hostsSince: async () => ({ ...(await hosts()), marker: '1', removed: [] }) }],
    clock,
    log: quietLog,
  })
  const placed = (level: string) => {
    const { candidates, explanation } = scheduler.plan(
      requestFor({ extra_specs: { 'trust:trusted_host': level } }, { count: 3 }),
    )
    return candidates.length > 0 ? candidates.map(({ host }) => host) : sentence(explanation)
  }
  try {
    await scheduler.start(bus)
    expect(placed('trusted')).toEqual(['host-1'])
    expect(placed('untrusted')).toEqual(['host-2'])
    expect(placed('unknown')).toEqual(['host-3'])
    expect(placed('very')).toBe('No valid host was found: 3 of 3 hosts are not attested as very.')
    await service.stop(true)
    await eventually(async () => {
      await clock.advance(5_000)
      expect(placed('trusted')).toBe(
        'No valid host was found: 3 of 3 hosts are not attested as trusted (the attestation service does not answer).',
      )
    }, 10)
    expect(placed('unknown')).toHaveLength(3)
  } finally {
    await scheduler.stop()
    await bus.close()
  }
})
