import { Type as T } from '@sinclair/typebox'
import type { Compute } from '../../compute/index.ts'
import { closed } from './changes.ts'
import { Bool, boolean, Fqdn, Name } from './fields.ts'
import { newPassword } from './password.ts'
import { action, bodyShape, resource } from './route.ts'
import { SERVER_ACTION } from './server-actions.ts'
import { HostName } from './server-resize.ts'
import { serverSubject } from './servers.ts'

const LiveMigrate = bodyShape(
  'server.live_migrate',
  { block_migration: T.Union([Bool, T.Literal('auto')]), host: T.Union([HostName, T.Null()]) },
  (inner) => closed({ 'os-migrateLive': inner }),
)

const Evacuate = bodyShape(
  'server.evacuate',
  { host: T.Optional(Fqdn), adminPass: T.Optional(T.String({ maxLength: 255 })) },
  (evacuate) => closed({ evacuate }),
)

const Unshelve = bodyShape(
  'server.unshelve',
  {
    unshelve: T.Union([
      closed({
        availability_zone: T.Optional(T.Union([Name, T.Null()])),
        host: T.Optional(Fqdn),
      }),
      T.Null(),
    ]),
  },
  (inner) => inner,
)

/** Fields that later versions have lost. */
interface Older {
  readonly force?: boolean | string | number
}

export interface MovesConfig {
  /** `[api] enable_instance_password`: whether an answer has a password. */
  readonly adminPassword: boolean
}

/** Servers that go on elsewhere: while they run, after their host has failed, or out of an image. */
export function serverMoves(compute: Compute, { adminPassword }: MovesConfig) {
  const { servers } = compute
  const subject = serverSubject(compute)

  return resource('server moves', [
    action(SERVER_ACTION, 'os-migrateLive', {
      policy: 'os_compute_api:os-migrate-server:migrate_live',
      subject,
      body: LiveMigrate,
      ok: 202,
      async handle({ ctx, subject, body, must }) {
        const { block_migration, host, force = false } = body['os-migrateLive'] as (typeof body)['os-migrateLive'] & Older
        if (host !== null) must('os_compute_api:os-migrate-server:migrate_live:host')
        await servers.liveMigrate(ctx, subject.located, {
          host,
          force: boolean(force),
          storage: block_migration === 'auto' ? 'auto' : boolean(block_migration) ? 'block' : 'shared',
        })
      },
    }),

    action(SERVER_ACTION, 'evacuate', {
      policy: 'os_compute_api:os-evacuate',
      subject,
      body: Evacuate,
      ok: 200,
      async handle({ ctx, subject, body, does }) {
        const { host, adminPass, force = false } = body.evacuate as typeof body.evacuate & Older
        const admin_password = adminPass ?? newPassword()
        await servers.evacuate(ctx, subject.located, {
          host: host ?? null,
          force: boolean(force),
          admin_password,
          stay_off: does('evacuated-servers-stay-off'),
        })
        // Since 2.14 whoever asks is not the one who logs in.
        return adminPassword && !does('evacuate-answers-nothing') ? { adminPass: admin_password } : undefined
      },
    }),

    action(SERVER_ACTION, 'unshelve', {
      policy: 'os_compute_api:os-shelve:unshelve',
      subject,
      body: Unshelve,
      ok: 202,
      async handle({ ctx, subject, body, must, does }) {
        const { availability_zone, host = null } = (does('unshelve-takes-a-zone') && body.unshelve) || {}
        if (host !== null) must('os_compute_api:os-shelve:unshelve_to_host')
        await servers.unshelve(ctx, subject.located, {
          host,
          ...(availability_zone === undefined ? {} : { availability_zone }),
        })
      },
    }),
  ])
}
