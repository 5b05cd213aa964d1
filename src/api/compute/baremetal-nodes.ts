import { badRequest, Problem } from '../../kernel/index.ts'
import { action, resource, route } from './route.ts'

const PATH = '/os-baremetal-nodes'
const until = '2.35'

/** A cloud without Ironic, as Nova's proxy for it answers. */
const noService = (): never => {
  throw new Problem('not_implemented', 'This cloud has no bare metal service.')
}
/** What Nova never let through. */
const notHere =
  (command: string) =>
  (): never => {
    throw badRequest(`Command Not supported. Please use Ironic command ${command} to perform this action.`)
  }

/** Bare metal nodes as Nova handed them on until 2.35. */
export const baremetalNodes = resource('os-baremetal-nodes', [
  route('GET', PATH, { until, policy: 'os_compute_api:os-baremetal-nodes:list', ok: 200, handle: noService }),
  route('GET', `${PATH}/:id`, { until, policy: 'os_compute_api:os-baremetal-nodes:show', ok: 200, handle: noService }),
  route('POST', PATH, { until, policy: null, ok: 200, handle: notHere('node-create') }),
  route('DELETE', `${PATH}/:id`, { until, policy: null, ok: 200, handle: notHere('node-delete') }),
  action(`${PATH}/:id/action`, 'add_interface', { until, policy: null, ok: 200, handle: notHere('port-create') }),
  action(`${PATH}/:id/action`, 'remove_interface', { until, policy: null, ok: 200, handle: notHere('port-delete') }),
])
