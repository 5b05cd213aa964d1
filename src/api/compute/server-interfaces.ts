import { Type as T } from '@sinclair/typebox'
import type { Compute } from '../../compute/index.ts'
import { badRequest } from '../../kernel/index.ts'
import { closed } from './changes.ts'
import { canonicalUuid, Ip, Tag, Uuid } from './fields.ts'
import { action, bodyShape, resource, route } from './route.ts'
import { anything, SERVER_ACTION } from './server-actions.ts'
import { serverSubject } from './servers.ts'
import { diagnosticsView, freeDiagnostics } from './views/diagnostics.ts'
import { interfaceView } from './views/interfaces.ts'

const AttachInterface = bodyShape(
  'interface.attach',
  {
    net_id: T.Optional(Uuid),
    port_id: T.Optional(Uuid),
    fixed_ips: T.Optional(T.Array(closed({ ip_address: Ip }), { minItems: 1, maxItems: 1 })),
    tag: T.Optional(Tag),
  },
  (interfaceAttachment) => closed({ interfaceAttachment: T.Optional(interfaceAttachment) }),
)

/** Open, as Nova's is: clients have sent more than the name. */
const group = (key: string) =>
  bodyShape(`server.${key}`, { [key]: T.Object({ name: T.String({ minLength: 1, maxLength: 255 }) }) }, (inner) => inner)
const AddGroup = group('addSecurityGroup')
const RemoveGroup = group('removeSecurityGroup')

const AddFixedIp = bodyShape(
  'server.add_fixed_ip',
  { networkId: T.Union([T.String({ minLength: 1, maxLength: 36 }), T.Number()]) },
  (addFixedIp) => closed({ addFixedIp }),
)
const RemoveFixedIp = bodyShape('server.remove_fixed_ip', { address: Ip }, (removeFixedIp) => closed({ removeFixedIp }))
const AddFloatingIp = bodyShape(
  'server.add_floating_ip',
  { address: Ip, fixed_address: T.Optional(Ip) },
  (addFloatingIp) => closed({ addFloatingIp }),
)
const RemoveFloatingIp = bodyShape('server.remove_floating_ip', { address: Ip }, (removeFloatingIp) =>
  closed({ removeFloatingIp }),
)

/** The last version at which the compute API hands these on to the network service. */
const LAST_PROXY = '2.43'

/** What a server is connected to, and how its guest fares. */
export function serverInterfaces(compute: Compute) {
  const { servers } = compute
  const subject = serverSubject(compute)

  return resource('server interfaces', [
    route('POST', '/servers/:server_id/os-interface', {
      policy: 'os_compute_api:os-attach-interfaces:create',
      subject,
      body: AttachInterface,
      ok: 200,
      async handle({ ctx, subject, body, as }) {
        const { net_id, port_id, fixed_ips, tag } = body.interfaceAttachment ?? {}
        if (net_id !== undefined && port_id !== undefined) throw badRequest('Must not input both network_id and port_id')
        if (fixed_ips !== undefined && net_id === undefined) {
          throw badRequest('Must input network_id when request IP address')
        }
        const vif = await servers.attachInterface(ctx, subject.located, {
          ...(net_id === undefined ? {} : { network_id: canonicalUuid(net_id) }),
          ...(port_id === undefined ? {} : { port_id: canonicalUuid(port_id) }),
          ...(fixed_ips?.[0] === undefined ? {} : { fixed_ip: fixed_ips[0].ip_address }),
          ...(tag === undefined ? {} : { tag }),
        })
        return { interfaceAttachment: as(interfaceView, { vif, tag: tag ?? null }) }
      },
    }),

    route('DELETE', '/servers/:server_id/os-interface/:port_id', {
      policy: 'os_compute_api:os-attach-interfaces:delete',
      subject,
      ok: 202,
      handle: ({ ctx, subject, params }) => servers.detachInterface(ctx, subject.located, params.port_id!),
    }),

    action(SERVER_ACTION, 'addSecurityGroup', {
      policy: 'os_compute_api:os-security-groups:add',
      subject,
      body: AddGroup,
      ok: 202,
      handle: ({ ctx, subject, body }) =>
        servers.addSecurityGroup(ctx, subject.located, (body.addSecurityGroup as { name: string }).name),
    }),

    action(SERVER_ACTION, 'removeSecurityGroup', {
      policy: 'os_compute_api:os-security-groups:remove',
      subject,
      body: RemoveGroup,
      ok: 202,
      handle: ({ ctx, subject, body }) =>
        servers.removeSecurityGroup(ctx, subject.located, (body.removeSecurityGroup as { name: string }).name),
    }),

    action(SERVER_ACTION, 'addFixedIp', {
      until: LAST_PROXY,
      policy: 'os_compute_api:os-multinic:add',
      subject,
      body: AddFixedIp,
      ok: 202,
      handle: ({ ctx, subject, body }) => servers.addFixedIp(ctx, subject.located, String(body.addFixedIp.networkId)),
    }),

    action(SERVER_ACTION, 'removeFixedIp', {
      until: LAST_PROXY,
      policy: 'os_compute_api:os-multinic:remove',
      subject,
      body: RemoveFixedIp,
      ok: 202,
      handle: ({ ctx, subject, body }) => servers.removeFixedIp(ctx, subject.located, body.removeFixedIp.address),
    }),

    action(SERVER_ACTION, 'addFloatingIp', {
      until: LAST_PROXY,
      policy: 'os_compute_api:os-floating-ips:add',
      subject,
      body: AddFloatingIp,
      ok: 202,
      handle({ ctx, subject, body }) {
        const { address, fixed_address = null } = body.addFloatingIp
        return servers.addFloatingIp(ctx, subject.located, address, fixed_address)
      },
    }),

    action(SERVER_ACTION, 'removeFloatingIp', {
      until: LAST_PROXY,
      policy: 'os_compute_api:os-floating-ips:remove',
      subject,
      body: RemoveFloatingIp,
      ok: 202,
      handle: ({ ctx, subject, body }) => servers.removeFloatingIp(ctx, subject.located, body.removeFloatingIp.address),
    }),

    action(SERVER_ACTION, 'injectNetworkInfo', {
      policy: 'os_compute_api:os-admin-actions:inject_network_info',
      subject,
      body: anything('injectNetworkInfo'),
      ok: 202,
      handle: ({ ctx, subject }) => servers.injectNetworkInfo(ctx, subject.located),
    }),

    route('GET', '/servers/:server_id/diagnostics', {
      policy: 'os_compute_api:os-server-diagnostics',
      subject,
      ok: 200,
      async handle({ subject, as, does }) {
        const facts = await servers.diagnostics(subject.located)
        return does('standard-diagnostics') ? as(diagnosticsView, facts) : freeDiagnostics(facts)
      },
    }),
  ])
}
