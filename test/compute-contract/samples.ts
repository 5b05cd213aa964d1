import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Version, type VersionText, version } from '../../src/api/compute/version.ts'

/** Nova's documented samples: `<API>/[vX.Y/]<name>.json`, a request or an answer at the version of its directory. */
export interface Samples {
  /** `os-keypairs/keypairs-post-req` → its texts by version. */
  readonly byName: ReadonlyMap<string, ReadonlyMap<Version, unknown>>
}

/**
 * From `NOVA_SAMPLES`, or from a checkout's neighbour.
 * @returns null where there are none at hand
 */
export function readSamples(): Samples | null {
  const directory = process.env.NOVA_SAMPLES ?? join(import.meta.dir, '../../../shared/reference/api_samples')
  if (!existsSync(directory)) return null
  const byName = new Map<string, Map<Version, unknown>>()
  for (const file of readdirSync(directory, { recursive: true }) as string[]) {
    const [, api, folder, name] = /^([^/]+)\/(?:v(2\.\d+)\/)?([^/]+)\.json$/.exec(file) ?? []
    if (!name) continue
    const texts = byName.get(`${api}/${name}`) ?? new Map<Version, unknown>()
    texts.set(folder ? version(folder as VersionText) : 1, JSON.parse(filled(readFileSync(join(directory, file), 'utf8'))))
    byName.set(`${api}/${name}`, texts)
  }
  return { byName }
}

/** Samples of requests are templates: where they have a pattern or a gap, this fits. */
const filled = (text: string): string =>
  text
    .replaceAll('[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}', HINTED)
    .replaceAll('%(availability_zone)s', 'us-west')

/** A server that hints in samples name; nobody looks whether there is one. */
export const HINTED = '48e6a9f6-30af-47e0-bc04-acaed113bb4e'

/** Objects whose keys are data: those of a sample are not to be found here. */
const MAPS = new Set(['metadata', 'meta', 'addresses', 'extra_specs', 'properties', 'log', 'hosts', 'cpu_info', 'tenant_usage'])

/** Links to a next page, which is there or not. */
const OPTIONAL = /_links$/

/**
 * Where an answer differs from its sample in keys and types. The first entry of a list is compared with the entry
 * of the sample that it is most like; null is of any
 * type, since a sample shows one state of the many that a resource may be in.
 */
export function differences(actual: unknown, sample: unknown, at = ''): string[] {
  if (actual === null || sample === null) return []
  if (Array.isArray(sample)) {
    if (!Array.isArray(actual)) return [`${at}: no list`]
    if (sample.length === 0) return []
    if (actual.length === 0) return [`${at}: empty`]
    const each = sample.map((entry) => differences(actual[0], entry, `${at}[]`))
    return each.reduce((least, found) => (found.length < least.length ? found : least))
  }
  if (typeof sample !== 'object') return typeof actual === typeof sample ? [] : [`${at}: ${typeof actual}`]
  if (typeof actual !== 'object' || Array.isArray(actual)) return [`${at}: no object`]
  const [ours, theirs] = [actual as Record<string, unknown>, sample as Record<string, unknown>]
  if (MAPS.has(at.split('.').at(-1)!)) return []
  return [
    ...Object.keys(theirs).flatMap((key) =>
      key in ours
        ? differences(ours[key], theirs[key], `${at}.${key}`)
        : OPTIONAL.test(key)
          ? []
          : [`${at}.${key}: missing`],
    ),
    ...Object.keys(ours).flatMap((key) => (key in theirs || OPTIONAL.test(key) ? [] : [`${at}.${key}: surplus`])),
  ]
}
