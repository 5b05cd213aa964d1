import type { Static } from '@sinclair/typebox'
import type { Network, NetworkFields, Networks } from '../../network/index.ts'
import type { Asker } from './asker.ts'
import type { Resource } from './resource.ts'
import { NetworkCreate, NetworkUpdate } from './schemas.ts'
import { networkView } from './views.ts'

export function networks({ networks: verbs }: Networks): Resource<Network, typeof NetworkCreate, typeof NetworkUpdate> {
  return {
    one: 'network',
    many: 'networks',
    path: 'networks',
    tagged: 'networks',
    create: NetworkCreate,
    update: NetworkUpdate,
    list: ({ viewer }, listing) => verbs.list(viewer, listing),
    show: ({ viewer }, id) => verbs.show(viewer, id),
    make(asker, bodies) {
      for (const { body } of bodies) checkSharing(asker, body, 'create')
      return verbs.create(
        asker.viewer,
        bodies.map(({ body, project_id }) => ({ ...fieldsOf(body), project_id })),
      )
    },
    change(asker, network, body) {
      checkSharing(asker, body, 'update')
      return verbs.update(asker.viewer, network.id, fieldsOf(body))
    },
    remove: ({ viewer }, id) => verbs.remove(viewer, id),
    view: (network, { ctx, policy }) =>
      networkView(network, { provider: policy.allows('get_network:provider:network_type', ctx), binding: false }),
  }
}

type Body = Static<typeof NetworkUpdate>

/** What reaches other projects is for an administrator to decide. */
function checkSharing({ ctx, policy }: Asker, body: Body, verb: 'create' | 'update'): void {
  if (verb === 'update' ? body.shared !== undefined : body.shared) policy.enforce(`${verb}_network:shared`, ctx)
  const external = body['router:external']
  if (verb === 'update' ? external !== undefined : external) policy.enforce(`${verb}_network:router:external`, ctx)
}

function fieldsOf(body: Body): Partial<NetworkFields> {
  const { name, description, admin_state_up, shared, port_security_enabled, 'router:external': external } = body
  const mtu = body.mtu === undefined ? undefined : Number(body.mtu)
  return defined({ name, description, admin_state_up, shared, mtu, port_security_enabled, external })
}

/** Without the properties that were not given. */
export function defined<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }
}
