import { badRequest } from '../kernel/index.ts'
import { networkOf } from './filters/cidr.ts'
import { parseQuery } from './filters/query.ts'

/**
 * Refuses hints that no filter could make sense of, while somebody is there to be told.
 * @throws {Problem} bad_request that names the hint
 */
export function checkHints(hints: {
  readonly query?: string
  readonly build_near_host_ip?: string
  readonly cidr?: string
}): void {
  if (hints.query !== undefined) parseQuery(hints.query)
  const { build_near_host_ip: address, cidr = '/24' } = hints
  if (address !== undefined && !networkOf(address, cidr)) {
    throw badRequest(`Invalid scheduler hint cidr: ${address}${cidr} is no network.`)
  }
}
