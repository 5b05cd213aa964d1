import { badRequest } from '../../kernel/index.ts'
import { networkOf } from './cidr.ts'
import { type Filter, matches, verb } from './filter.ts'

const DEFAULT_CIDR = '/24'

/** The host's address is in the network of the hint `build_near_host_ip`, of the size of the hint `cidr`. */
export const simpleCIDRAffinityFilter: Filter = {
  name: 'SimpleCIDRAffinityFilter',
  asks: ({ hints }) => {
    const address = hints?.build_near_host_ip
    if (address === undefined) return []
    const cidr = hints?.cidr ?? DEFAULT_CIDR
    const network = networkOf(address, cidr)
    if (!network) throw badRequest(`The scheduler hints build_near_host_ip and cidr make no network: ${address}${cidr}`)
    return [
      matches(
        `SimpleCIDRAffinityFilter ${address} ${cidr}`,
        ({ row }) => network(row.host_ip),
        (r) => `${verb(r, 'is', 'are')} not in the network of ${address}${cidr}`,
      ),
    ]
  },
}
