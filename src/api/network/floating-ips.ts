import type { Static } from '@sinclair/typebox'
import type { FloatingIp, FloatingIpChanges, Networks } from '../../network/index.ts'
import { defined } from './networks.ts'
import type { Resource } from './resource.ts'
import { FloatingIpCreate, FloatingIpUpdate } from './schemas.ts'
import { single } from './security-groups.ts'
import { floatingIpView } from './views.ts'

type FloatingIps = Resource<FloatingIp, typeof FloatingIpCreate, typeof FloatingIpUpdate>

export function floatingIps({ floatingIps: verbs }: Networks): FloatingIps {
  return {
    one: 'floatingip',
    many: 'floatingips',
    path: 'floatingips',
    tagged: 'floating_ips',
    create: FloatingIpCreate,
    update: FloatingIpUpdate,
    list: ({ viewer }, listing) => verbs.list(viewer, listing),
    show: ({ viewer }, id) => verbs.show(viewer, id),
    async make({ ctx, viewer, policy }, bodies) {
      const [{ body, project_id }] = single(bodies)
      const { floating_network_id, subnet_id, floating_ip_address } = body
      if (floating_ip_address) policy.enforce('create_floatingip:floating_ip_address', ctx, { project_id })
      const made = await verbs.create(viewer, {
        ...changesOf(body),
        project_id,
        floating_network_id,
        ...(subnet_id && { subnet_id }),
        ...(floating_ip_address && { floating_ip_address }),
      })
      return [made]
    },
    change: ({ viewer }, floatingIp, body) => verbs.update(viewer, floatingIp.id, changesOf(body)),
    remove: ({ viewer }, id) => verbs.remove(viewer, id),
    view: floatingIpView,
  }
}

const changesOf = ({ description, port_id, fixed_ip_address }: Static<typeof FloatingIpUpdate>): FloatingIpChanges =>
  defined({ description, port_id, fixed_ip_address })
