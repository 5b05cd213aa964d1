import type { Compute } from '../../compute/index.ts'
import { resource, route } from './route.ts'
import { serverSubject } from './servers.ts'

const PATH = '/servers/:server_id/os-server-password'

/** The password that a guest has posted to its metadata service, encrypted with the public key of its keypair. */
export function serverPassword(compute: Compute) {
  const { servers } = compute
  const subject = serverSubject(compute)

  return resource('os-server-password', [
    route('GET', PATH, {
      policy: 'os_compute_api:os-server-password:show',
      subject,
      ok: 200,
      handle: ({ subject }) => ({ password: servers.guestPassword(subject.located) }),
    }),
    route('DELETE', PATH, {
      policy: 'os_compute_api:os-server-password:clear',
      subject,
      ok: 204,
      handle: async ({ ctx, subject }) => void (await servers.clearGuestPassword(ctx, subject.located)),
    }),
  ])
}
