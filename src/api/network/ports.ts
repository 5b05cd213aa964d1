import type { Static } from '@sinclair/typebox'
import type { AddressFilter, Listing, Networks, Port, PortChanges } from '../../network/index.ts'
import { defined } from './networks.ts'
import type { Asker, Resource } from './resource.ts'
import { PortCreate, PortUpdate } from './schemas.ts'
import { portView } from './views.ts'

export function ports({ ports: verbs }: Networks): Resource<Port, typeof PortCreate, typeof PortUpdate> {
  return {
    one: 'port',
    many: 'ports',
    path: 'ports',
    create: PortCreate,
    update: PortUpdate,
    list: ({ viewer }, listing) => verbs.list(viewer, listing, addressFilter(listing)),
    show: ({ viewer }, id) => verbs.show(viewer, id),
    make(asker, bodies) {
      for (const { body } of bodies) {
        checkPlace(asker, body, 'create')
        if (body.mac_address) asker.policy.enforce('create_port:mac_address', asker.ctx)
      }
      return verbs.create(
        asker.viewer,
        bodies.map(({ body, project_id }) => ({
          ...changesOf(body),
          ...defined({ mac_address: body.mac_address?.toLowerCase() }),
          network_id: body.network_id,
          project_id,
        })),
      )
    },
    change(asker, port, body) {
      checkPlace(asker, body, 'update')
      return verbs.update(asker.viewer, port.id, changesOf(body))
    },
    remove: ({ viewer }, id) => verbs.remove(viewer, id),
    view: (port, { ctx, policy }) =>
      portView(port, { provider: false, binding: policy.allows('get_port:binding:host_id', ctx) }),
  }
}

/** Where a port is bound, and that it is the network's own, only an administrator says. */
function checkPlace({ ctx, policy }: Asker, body: Static<typeof PortUpdate>, verb: 'create' | 'update'): void {
  if (body['binding:host_id'] !== undefined) policy.enforce(`${verb}_port:binding:host_id`, ctx)
  if (body.device_owner?.startsWith('network:')) policy.enforce(`${verb}_port:device_owner`, ctx)
}

function changesOf(body: Static<typeof PortUpdate>): PortChanges {
  const { name, description, admin_state_up, device_id, device_owner, fixed_ips, security_groups } = body
  const binding_host = body['binding:host_id']
  return defined({
    name,
    description,
    admin_state_up,
    device_id,
    device_owner,
    fixed_ips,
    security_groups,
    binding_host,
  })
}

/** `fixed_ips=ip_address=10.0.0.5` and `fixed_ips=subnet_id=…`, each as often as wanted. */
function addressFilter({ filters }: Listing): AddressFilter {
  const pairs = (filters.get('fixed_ips') ?? []).map((text) => text.split('=', 2))
  const valuesOf = (name: string): string[] | null => {
    const values = pairs.filter(([key]) => key === name).map(([, value]) => value ?? '')
    return values.length > 0 ? values : null
  }
  return { ip_addresses: valuesOf('ip_address'), subnet_ids: valuesOf('subnet_id') }
}
