import type { Compute } from '../../compute/index.ts'
import { resource, route } from './route.ts'
import { serverSubject } from './servers.ts'

/** How the guest's processors and memory lie in NUMA nodes: guests here have no such nodes, as one without in Nova. */
export function serverTopology(compute: Compute) {
  return resource('server-topology', [
    route('GET', '/servers/:server_id/topology', {
      since: '2.78',
      policy: 'compute:server:topology:index',
      subject: serverSubject(compute),
      ok: 200,
      handle: () => ({ nodes: [], pagesize_kb: null }),
    }),
  ])
}
