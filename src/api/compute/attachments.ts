import type { Compute } from '../../compute/index.ts'
import { notFound } from '../../kernel/index.ts'
import { resource, route } from './route.ts'
import { serverSubject } from './servers.ts'
import { interfacesOf, interfaceView } from './views/interfaces.ts'
import { securityGroupView } from './views/security-groups.ts'

/** What is attached to a server: its ports with their security groups. */
export function attachments(compute: Compute) {
  const subject = serverSubject(compute)

  return resource('attachments', [
    route('GET', '/servers/:server_id/os-interface', {
      policy: 'os_compute_api:os-attach-interfaces:list',
      subject,
      ok: 200,
      handle: ({ subject, as }) => ({
        interfaceAttachments: interfacesOf(subject.located.server).map((each) => as(interfaceView, each)),
      }),
    }),

    route('GET', '/servers/:server_id/os-interface/:port_id', {
      policy: 'os_compute_api:os-attach-interfaces:show',
      subject,
      ok: 200,
      handle({ subject, params, as }) {
        const { server } = subject.located
        const found = interfacesOf(server).find(({ vif }) => vif.port_id === params.port_id)
        if (!found) throw notFound(`Instance ${server.id} does not have a port with id ${params.port_id!.slice(0, 64)}`)
        return { interfaceAttachment: as(interfaceView, found) }
      },
    }),

    route('GET', '/servers/:server_id/os-security-groups', {
      policy: 'os_compute_api:os-security-groups:list',
      subject,
      ok: 200,
      handle: async ({ subject, as }) => ({
        security_groups: (await compute.servers.securityGroups(subject.located)).map((group) => as(securityGroupView, group)),
      }),
    }),
  ])
}
