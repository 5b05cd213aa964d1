import type { Static } from '@sinclair/typebox'
import type { Networks, Subnet, SubnetFields } from '../../network/index.ts'
import { defined } from './networks.ts'
import type { Resource } from './resource.ts'
import { SubnetCreate, SubnetUpdate } from './schemas.ts'
import { subnetView } from './views.ts'

export function subnets({
  networks,
  subnets: verbs,
}: Networks): Resource<Subnet, typeof SubnetCreate, typeof SubnetUpdate> {
  return {
    one: 'subnet',
    many: 'subnets',
    path: 'subnets',
    tagged: 'subnets',
    create: SubnetCreate,
    update: SubnetUpdate,
    list: ({ viewer }, listing) => verbs.list(viewer, listing),
    show: ({ viewer }, id) => verbs.show(viewer, id),
    async make({ ctx, viewer, policy }, bodies) {
      for (const { body } of bodies) {
        // On a network that is only shared with the project, subnets are its owner's business.
        const network = await networks.show(viewer, body.network_id)
        policy.enforce('create_subnet', ctx, { project_id: network.project_id })
      }
      return verbs.create(
        viewer,
        bodies.map(({ body, project_id }) => ({
          ...fieldsOf(body),
          network_id: body.network_id,
          cidr: body.cidr,
          ip_version: body.ip_version,
          project_id,
        })),
      )
    },
    change: ({ viewer }, subnet, body) => verbs.update(viewer, subnet.id, fieldsOf(body)),
    remove: ({ viewer }, id) => verbs.remove(viewer, id),
    view: subnetView,
  }
}

function fieldsOf(body: Static<typeof SubnetUpdate>): Partial<SubnetFields> {
  const { name, description, gateway_ip, enable_dhcp, dns_nameservers, host_routes, allocation_pools } = body
  return defined({ name, description, gateway_ip, enable_dhcp, dns_nameservers, host_routes, allocation_pools })
}
