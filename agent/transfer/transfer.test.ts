import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { createServer, connect as dial, type Server } from 'node:net'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DiskOffer } from '../../src/contracts/index.ts'
import { DriverError } from '../drivers/driver.ts'
import { makeCertificate } from './certificate.ts'
import { openDiskSource } from './fetch-disk.ts'
import { type Offering, offerDisks } from './offer.ts'

const NEVER = new AbortController().signal
const MIB = 1024 ** 2
let directory: string
let offering: Offering
let disk: Uint8Array

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'transfer-'))
  disk = new Uint8Array(4 * MIB)
  disk.set(crypto.getRandomValues(new Uint8Array(65_536)), MIB)
  disk.set(crypto.getRandomValues(new Uint8Array(65_536)), 3 * MIB)
  await Bun.write(join(directory, 'disk'), disk)
  offering = offer((name) => (name === 'disk' ? join(directory, 'disk') : null))
})
afterEach(async () => {
  offering.close()
  await rm(directory, { recursive: true })
})

const offer = (open: (name: string) => string | null): Offering =>
  offerDisks({ address: '127.0.0.1', disks: [], open: async (name) => open(name), now_ms: Date.now() })

async function get(from: DiskOffer, name = 'disk', largest = 1024 * MIB): Promise<Uint8Array> {
  const path = join(directory, `copy-${crypto.randomUUID()}`)
  await (await openDiskSource(from)).fetch(name, path, largest, NEVER)
  return Bun.file(path).bytes()
}

async function refusal(getting: Promise<unknown>): Promise<string> {
  const error = await getting.catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(DriverError)
  expect((error as DriverError).kind).toBe('unavailable')
  return ((error as DriverError).cause as Error).message
}

describe("a guest's disk", () => {
  test('arrives whole', async () => {
    expect(Buffer.compare(await get(offering.offer), disk)).toBe(0)
  })

  test('is given to nobody without the secret, and no other file with it', async () => {
    expect(await refusal(get({ ...offering.offer, secret: 'x'.repeat(43) }))).toBe('HTTP status 401')
    for (const name of ['disk.swap', '..%2fdisk', 'etc/passwd']) {
      expect(await refusal(get(offering.offer, name))).toBe('HTTP status 404')
    }
  })

  test('is not fetched from a host with another certificate: it does not even learn the secret', async () => {
    let asked = 0
    const { key_pem, certificate_pem } = makeCertificate(Date.now())
    const impostor = Bun.serve({
      hostname: '127.0.0.1', port: 0, tls: { key: key_pem, cert: certificate_pem }, fetch: () => new Response(`${asked++}`),
    })
    const url = `https://127.0.0.1:${impostor.port}`
    expect(await refusal(get({ ...offering.offer, url }))).toBe('cannot connect')
    expect(asked).toBe(0)
    await impostor.stop(true)
  })

  test('that is longer than it may be is refused', async () => {
    expect(await refusal(get(offering.offer, 'disk', MIB))).toContain('larger than')
  })

  test('that changes on its way is refused', async () => {
    let opened = 0
    const other = join(directory, 'other')
    await Bun.write(other, disk.slice(0, MIB))
    offering.close()
    offering = offer(() => (opened++ === 0 ? join(directory, 'disk') : other))
    expect(await refusal(get(offering.offer))).toContain('another checksum')
  })

  test('goes on where it was when the connection breaks', async () => {
    const cut = await cutting(new URL(offering.offer.url), MIB)
    const url = `https://127.0.0.1:${(cut.server.address() as { port: number }).port}`
    expect(Buffer.compare(await get({ ...offering.offer, url }), disk)).toBe(0)
    expect(cut.cuts()).toBeGreaterThan(0)
    cut.server.close()
  })

  test('is given up when nobody answers any more', async () => {
    offering.close()
    expect(await refusal(get(offering.offer))).toBe('cannot connect')
  })
})

/** Passes bytes on to `target`, and cuts the first two connections that have carried more than `after` of them. */
async function cutting(target: URL, after: number): Promise<{ server: Server; cuts(): number }> {
  let cuts = 0
  const server = createServer((client) => {
    const upstream = dial(Number(target.port), target.hostname)
    let carried = 0
    client.on('data', (data) => upstream.write(data))
    upstream.on('data', (data) => {
      carried += data.length
      client.write(data)
      if (carried > after && cuts < 2) {
        cuts++
        client.destroy()
        upstream.destroy()
      }
    })
    for (const [one, other] of [[client, upstream], [upstream, client]] as const) {
      one.on('close', () => other.destroy())
      one.on('error', () => other.destroy())
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { server, cuts: () => cuts }
}
