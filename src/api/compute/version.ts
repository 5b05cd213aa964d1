import { assert, badRequest, Problem } from '../../kernel/index.ts'

/** A microversion. The major part is always 2, so the minor part says it all: 2.53 is 53. */
export type Version = number

export type VersionText = `2.${number}`

export const MIN_VERSION: Version = 1

/**
 * The highest microversion at which every route and view that exists here behaves as Nova's. Clients take it that all
 * versions between the two bounds work, so it rises only when the next one is complete.
 */
export const MAX_VERSION: Version = 104

export function version(text: VersionText): Version {
  const minor = Number(text.slice(2))
  assert(Number.isInteger(minor) && minor >= MIN_VERSION, `${text} is not a microversion`)
  return minor
}

export const versionText = (v: Version): VersionText => `2.${v}`

const HEADER = 'openstack-api-version'
const LEGACY_HEADER = 'x-openstack-nova-api-version'
const FORM = /^([1-9]\d{0,3})\.(0|[1-9]\d{0,3})$/

/**
 * The version a request asks for. The newer header lists several services (`compute 2.53, volume 3.0`) and wins over
 * the older one; neither means 2.1.
 *
 * @throws {Problem} bad_request when malformed, not_acceptable when out of range
 */
export function requestedVersion(headers: Headers): Version {
  const text = ofCompute(headers.get(HEADER)) ?? headers.get(LEGACY_HEADER)?.trim()
  if (text === undefined) return MIN_VERSION
  if (text === 'latest') return MAX_VERSION
  const parts = FORM.exec(text)
  if (!parts) {
    throw badRequest(
      `API Version String '${text.slice(0, 40)}' is of invalid format. Must be of format MajorNum.MinorNum.`,
    )
  }
  const minor = Number(parts[2])
  if (parts[1] !== '2' || minor < MIN_VERSION || minor > MAX_VERSION) {
    throw new Problem(
      'not_acceptable',
      `Version ${text} is not supported by the API. ` +
        `Minimum is ${versionText(MIN_VERSION)} and maximum is ${versionText(MAX_VERSION)}.`,
    )
  }
  return minor
}

function ofCompute(header: string | null): string | undefined {
  if (header === null) return undefined
  for (const entry of header.split(',', 20)) {
    const [service, text] = entry.trim().split(/\s+/, 2)
    if (service?.toLowerCase() === 'compute' && text !== undefined) return text
  }
  return undefined
}

const responseHeaders = new Map<Version, Readonly<Record<string, string>>>()

/** Both version headers and `Vary`, as every answer below `/v2.1` carries them, faults included. */
export function versionHeaders(v: Version): Readonly<Record<string, string>> {
  let headers = responseHeaders.get(v)
  if (!headers) {
    headers = Object.freeze({
      'OpenStack-API-Version': `compute ${versionText(v)}`,
      'X-OpenStack-Nova-API-Version': versionText(v),
      Vary: 'OpenStack-API-Version, X-OpenStack-Nova-API-Version',
    })
    responseHeaders.set(v, headers)
  }
  return headers
}
