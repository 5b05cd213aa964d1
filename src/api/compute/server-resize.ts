import { Type as T } from '@sinclair/typebox'
import type { Compute } from '../../compute/index.ts'
import { closed } from './changes.ts'
import { action, bodyShape, resource } from './route.ts'
import { anything, SERVER_ACTION } from './server-actions.ts'
import { serverSubject } from './servers.ts'

const Resize = bodyShape(
  'server.resize',
  {
    flavorRef: T.Union([T.String({ minLength: 1, maxLength: 512 }), T.Integer({ minimum: 0 })]),
    'OS-DCF:diskConfig': T.Optional(T.Union([T.Literal('AUTO'), T.Literal('MANUAL')])),
  },
  (resize) => closed({ resize }),
)

export const HostName = T.String({ minLength: 1, maxLength: 255, pattern: '^[a-zA-Z0-9-._]*$' })

const Migrate = bodyShape(
  'server.migrate',
  { migrate: T.Union([closed({ host: T.Optional(T.Union([HostName, T.Null()])) }), T.Null()]) },
  (inner) => inner,
)

/** Moves for which a server stops, and the decision about them. */
export function serverResize(compute: Compute) {
  const { servers } = compute
  const subject = serverSubject(compute)

  return resource('server resize', [
    action(SERVER_ACTION, 'resize', {
      policy: 'os_compute_api:servers:resize',
      subject,
      body: Resize,
      ok: 202,
      async handle({ ctx, subject, body }) {
        const diskConfig = body.resize['OS-DCF:diskConfig']
        await servers.resize(ctx, subject.located, {
          flavor_id: String(body.resize.flavorRef).split('/').pop() ?? '',
          auto_disk_config: diskConfig === undefined ? null : diskConfig === 'AUTO',
        })
      },
    }),

    action(SERVER_ACTION, 'confirmResize', {
      policy: 'os_compute_api:servers:confirm_resize',
      subject,
      body: anything('confirmResize'),
      ok: 204,
      handle: ({ ctx, subject }) => servers.confirmResize(ctx, subject.located),
    }),

    action(SERVER_ACTION, 'revertResize', {
      policy: 'os_compute_api:servers:revert_resize',
      subject,
      body: anything('revertResize'),
      ok: 202,
      handle: ({ ctx, subject }) => servers.revertResize(ctx, subject.located),
    }),

    action(SERVER_ACTION, 'migrate', {
      policy: 'os_compute_api:os-migrate-server:migrate',
      subject,
      body: Migrate,
      ok: 202,
      async handle({ ctx, subject, body, must, does }) {
        const host = (does('migrate-takes-a-host') && body.migrate?.host) || null
        if (host !== null) must('os_compute_api:os-migrate-server:migrate:host')
        await servers.migrate(ctx, subject.located, host)
      },
    }),
  ])
}
