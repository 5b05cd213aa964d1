import { badRequest, Problem } from '../../kernel/index.ts'
import { action, resource, route, type RouteRow } from './route.ts'

/**
 * APIs that Nova once had. They say so at every version rather than that nothing is there: a client that still calls
 * one learns that it need not look for a mistake of its own.
 */
const REMOVED: readonly (readonly [path: string, ...methods: RouteRow['method'][]])[] = [
  ['/os-agents', 'GET', 'POST'],
  ['/os-agents/:id', 'PUT', 'DELETE'],
  ['/os-cells', 'GET', 'POST'],
  ['/os-cells/capacities', 'GET'],
  ['/os-cells/detail', 'GET'],
  ['/os-cells/info', 'GET'],
  ['/os-cells/sync_instances', 'POST'],
  ['/os-cells/:id', 'GET', 'PUT', 'DELETE'],
  ['/os-cells/:id/capacities', 'GET'],
  ['/os-certificates', 'POST'],
  ['/os-certificates/:id', 'GET'],
  ['/os-cloudpipe', 'GET', 'POST'],
  ['/os-cloudpipe/:id', 'PUT'],
  ['/os-fixed-ips/:id', 'GET'],
  ['/os-floating-ip-dns', 'GET'],
  ['/os-floating-ip-dns/:id', 'PUT', 'DELETE'],
  ['/os-floating-ip-dns/:domain_id/entries/:id', 'GET', 'PUT', 'DELETE'],
  ['/os-floating-ips-bulk', 'GET', 'POST'],
  ['/os-floating-ips-bulk/:id', 'GET', 'PUT'],
  ['/os-fping', 'GET'],
  ['/os-fping/:id', 'GET'],
  ['/os-networks', 'POST'],
  ['/os-networks/add', 'POST'],
  ['/os-networks/:id', 'DELETE'],
  ['/os-security-group-default-rules', 'GET', 'POST'],
  ['/os-security-group-default-rules/:id', 'GET', 'DELETE'],
  ['/os-tenant-networks', 'POST'],
  ['/os-tenant-networks/:id', 'DELETE'],
  ['/servers/:server_id/consoles', 'GET', 'POST'],
  ['/servers/:server_id/consoles/:id', 'GET', 'DELETE'],
  ['/servers/:server_id/os-virtual-interfaces', 'GET'],
]

const REMOVED_ACTIONS: readonly (readonly [path: string, ...keys: string[]])[] = [
  ['/os-fixed-ips/:id/action', 'reserve', 'unreserve'],
  ['/os-networks/:id/action', 'disassociate', 'disassociate_host', 'disassociate_project', 'associate_host'],
  ['/servers/:server_id/action', 'resetNetwork'],
]

const gone = {
  policy: null,
  ok: 410,
  handle(): never {
    throw new Problem('gone', 'This API is no longer available.')
  },
}

export const removed = resource('removed', [
  ...REMOVED.flatMap(([path, ...methods]) => methods.map((method) => route(method, path, gone))),
  ...REMOVED_ACTIONS.flatMap(([path, ...keys]) => keys.map((key) => action(path, key, gone))),

  // Consoles of Hyper-V, which Nova no longer drives.
  action('/servers/:server_id/action', 'os-getRDPConsole', {
    until: '2.5',
    policy: null,
    ok: 200,
    handle(): never {
      throw badRequest('Unavailable console type rdp-html5.')
    },
  }),
])
