import { Type as T } from '@sinclair/typebox'
import type { Compute } from '../../compute/index.ts'
import { conflict, notFound, type Problem } from '../../kernel/index.ts'
import { closed } from './changes.ts'
import { Uuid } from './fields.ts'
import { bodyShape, resource, route } from './route.ts'
import { serverSubject } from './servers.ts'

const ShareAttach = bodyShape(
  'share.create',
  { share_id: Uuid, tag: T.Optional(T.String({ minLength: 1, maxLength: 255, pattern: '^[a-zA-Z0-9-]*$' })) },
  (share) => closed({ share }),
)

const noShare = (id: string): Problem => notFound(`Share ${id.slice(0, 64)} could not be found.`)

/** Shared file systems of servers: this cloud has no service for them, so that none is ever found. */
export function serverShares(compute: Compute) {
  const subject = serverSubject(compute)
  const PATH = '/servers/:server_id/shares'

  return resource('server-shares', [
    route('GET', PATH, {
      since: '2.97',
      policy: 'os_compute_api:os-server-shares:index',
      subject,
      ok: 200,
      handle: () => ({ shares: [] }),
    }),
    route('POST', PATH, {
      since: '2.97',
      policy: 'os_compute_api:os-server-shares:create',
      subject,
      body: ShareAttach,
      ok: 201,
      handle({ body, subject }): never {
        const { id, vm_state } = subject.located.server
        if (vm_state !== 'stopped') {
          throw conflict(`Cannot 'attach_share' instance ${id} while it is in vm_state ${vm_state}`)
        }
        throw noShare(body.share.share_id)
      },
    }),
    route('GET', `${PATH}/:share_id`, {
      since: '2.97',
      policy: 'os_compute_api:os-server-shares:show',
      subject,
      ok: 200,
      handle({ params }): never {
        throw noShare(params.share_id!)
      },
    }),
    route('DELETE', `${PATH}/:share_id`, {
      since: '2.97',
      policy: 'os_compute_api:os-server-shares:delete',
      subject,
      ok: 200,
      handle({ params }): never {
        throw noShare(params.share_id!)
      },
    }),
  ])
}
