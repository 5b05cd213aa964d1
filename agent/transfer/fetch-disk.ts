import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { connect } from 'node:tls'
import type { DiskOffer } from '../../src/contracts/index.ts'
import { type Clock, systemClock } from '../../src/kernel/index.ts'
import { DriverError } from '../drivers/driver.ts'
import { writeAll } from '../images/write-all.ts'

/** A connection that breaks is made again and goes on where it was, as often as this without a byte in between. */
const ATTEMPTS = 5
const RETRY_MS = 500
/** The source may have to make the file first. */
const STALL_MS = 250_000
const CONNECT_MS = 10_000

/** Fetches files of one offer. */
export interface DiskSource {
  /**
   * Fetches a file, whole, into a new one at `path`.
   * @param largest_bytes what is longer is refused.
   * @throws {DriverError} `unavailable`; what was written is left to the caller.
   */
  fetch(name: string, path: string, largest_bytes: number, signal: AbortSignal): Promise<void>
}

/**
 * Connects to the host behind an offer, and makes sure that it is the one that the offer speaks of before it is told
 * the secret.
 * @throws {DriverError} `unavailable`.
 */
export async function openDiskSource(offer: DiskOffer, clock: Clock = systemClock): Promise<DiskSource> {
  const url = new URL(offer.url)
  const ca = await trustedCertificate(url, offer.certificate_sha256)

  async function request(name: string, from: number, signal: AbortSignal): Promise<Response> {
    const response = await fetch(new URL(`/${name}`, url), {
      headers: { authorization: `Bearer ${offer.secret}`, ...(from > 0 ? { range: `bytes=${from}-` } : {}) },
      redirect: 'error',
      signal,
      // The certificate is known whole, so the name in it says nothing more.
      tls: { ca, checkServerIdentity: () => undefined },
    })
    if (response.status === 401 || response.status === 404) throw refused(`HTTP status ${response.status}`)
    if (response.status !== (from > 0 ? 206 : 200)) throw new Error(`HTTP status ${response.status}`)
    return response
  }

  async function receive(name: string, into: Received, largest_bytes: number, signal: AbortSignal): Promise<void> {
    const stalled = new AbortController()
    let timer = setTimeout(() => stalled.abort(), STALL_MS)
    try {
      const response = await request(name, into.bytes, AbortSignal.any([signal, stalled.signal]))
      const announced = Number(response.headers.get('content-length') ?? Number.NaN) + into.bytes
      for await (const chunk of response.body ?? []) {
        clearTimeout(timer)
        timer = setTimeout(() => stalled.abort(), STALL_MS)
        if (into.bytes + chunk.length > largest_bytes) throw refused(`${name} is larger than ${largest_bytes} bytes`)
        await into.add(chunk)
      }
      if (announced > into.bytes) throw new Error(`${into.bytes} of ${announced} bytes`)
    } finally {
      clearTimeout(timer)
    }
  }

  return {
    async fetch(name, path, largest_bytes, signal) {
      const file = await open(path, 'wx', 0o600)
      try {
        const into = receiver(file)
        await untilDone(into, clock, signal, () => receive(name, into, largest_bytes, signal))
        await file.truncate(into.bytes)
        await file.datasync()
        const announced = await untilDone(into, clock, signal, async () => (await request(`${name}.sha256`, 0, signal)).text())
        if (announced !== into.digest()) throw refused(`${name} arrived with another checksum`)
      } finally {
        await file.close()
      }
    },
  }
}

interface Received {
  readonly bytes: number
  add(chunk: Uint8Array): Promise<void>
  digest(): string
}

/** Takes in a file from its beginning to its end; stretches of zeros become holes. */
function receiver(file: FileHandle): Received {
  const hash = new Bun.CryptoHasher('sha256')
  let bytes = 0
  return {
    get bytes() {
      return bytes
    },
    async add(chunk) {
      if (!isZero(chunk)) await writeAll(file, chunk, bytes)
      hash.update(chunk)
      bytes += chunk.length
    },
    digest: () => hash.digest('hex'),
  }
}

const isZero = (chunk: Uint8Array): boolean =>
  chunk[0] === 0 && Buffer.compare(chunk.subarray(1), chunk.subarray(0, chunk.length - 1)) === 0

async function untilDone<T>(into: Received, clock: Clock, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  let before = -1
  for (let attempt = 1; ; attempt++) {
    if (into.bytes > before) attempt = 1
    before = into.bytes
    try {
      return await work()
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof DriverError || isFileError(error)) throw error
      if (attempt >= ATTEMPTS && into.bytes === before) throw refused('it broke off too often', error)
      await clock.sleep(RETRY_MS, signal)
    }
  }
}

const isFileError = (error: unknown): boolean => typeof (error as { syscall?: unknown }).syscall === 'string'

/** The certificate of whoever answers there, in PEM, if it is the one with this fingerprint. */
async function trustedCertificate(url: URL, sha256: string): Promise<string> {
  const socket = connect({ host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port), rejectUnauthorized: false })
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve)
      socket.once('error', reject)
      socket.setTimeout(CONNECT_MS, () => reject(new Error('no answer in time')))
    })
    const { raw } = socket.getPeerCertificate(true)
    if (createHash('sha256').update(raw).digest('hex') !== sha256) throw new Error('its certificate is another one')
    return `-----BEGIN CERTIFICATE-----\n${raw.toString('base64')}\n-----END CERTIFICATE-----\n`
  } catch (error) {
    throw refused('cannot connect', error)
  } finally {
    socket.destroy()
  }
}

const refused = (what: string, cause?: unknown): DriverError =>
  new DriverError("The guest's disks could not be fetched from the other host.", {
    kind: 'unavailable',
    cause: new Error(what, { cause }),
  })
