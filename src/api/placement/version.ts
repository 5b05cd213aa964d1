import { badRequest, Problem } from '../../kernel/index.ts'

/** A microversion of Placement. The major part is always 1, so the minor part says it all: 1.29 is 29. */
export type Version = number

/** Of the routes that read; what 1.1 to 1.39 changed in writing has nothing here to apply to. */
export const MAX_VERSION: Version = 39

const HEADER = 'openstack-api-version'

/**
 * The version a request asks for, of a header that may list several services (`placement 1.29, compute 2.53`).
 * @throws {Problem} bad_request when malformed, not_acceptable when out of range
 */
export function requestedVersion(headers: Headers): Version {
  const text = ofPlacement(headers.get(HEADER))
  if (text === undefined) return 0
  if (text === 'latest') return MAX_VERSION
  const parts = /^(\d{1,3})\.(\d{1,3})$/.exec(text)
  if (!parts) throw badRequest(`invalid version string: ${text.slice(0, 40)}`)
  const minor = Number(parts[2])
  if (parts[1] !== '1' || minor > MAX_VERSION) {
    throw new Problem('not_acceptable', `Unacceptable version header: ${text}`)
  }
  return minor
}

function ofPlacement(header: string | null): string | undefined {
  if (header === null) return undefined
  for (const entry of header.split(',', 20)) {
    const [service, text] = entry.trim().split(/\s+/, 2)
    if (service?.toLowerCase() === 'placement' && text !== undefined) return text
  }
  return undefined
}

/** Headers of every answer, faults included; of a version that could not be understood, the lowest. */
export function versionHeaders(headers: Headers): Record<string, string> {
  let minor = 0
  try {
    minor = requestedVersion(headers)
  } catch (error) {
    if (!(error instanceof Problem)) throw error
  }
  return { 'OpenStack-API-Version': `placement 1.${minor}`, Vary: 'OpenStack-API-Version' }
}
