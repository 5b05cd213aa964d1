import type { Static } from '@sinclair/typebox'
import type { AddressFilter, DhcpOption, Listing, Networks, Port, PortChanges } from '../../network/index.ts'
import { defined } from './networks.ts'
import type { Asker } from './asker.ts'
import type { Resource } from './resource.ts'
import { PortCreate, PortUpdate } from './schemas.ts'
import { portView } from './views.ts'

export function ports({ ports: verbs }: Networks): Resource<Port, typeof PortCreate, typeof PortUpdate> {
  return {
    one: 'port',
    many: 'ports',
    path: 'ports',
    tagged: 'ports',
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
    port_security_enabled: body.port_security_enabled,
    allowed_address_pairs: body.allowed_address_pairs?.map(({ ip_address, mac_address }) => ({
      ip_address,
      mac_address: mac_address ?? null,
    })),
    extra_dhcp_opts: body.extra_dhcp_opts && dhcpOptions(body.extra_dhcp_opts),
  })
}

/** An option without a value takes it away, so in a list of them all it is one that is not there. */
function dhcpOptions(given: NonNullable<Static<typeof PortUpdate>['extra_dhcp_opts']>): DhcpOption[] {
  return given.flatMap(({ opt_name, opt_value, ip_version }) =>
    opt_value === null ? [] : [{ opt_name, opt_value, ip_version: String(ip_version) === '6' ? 6 : 4 } as const],
  )
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
