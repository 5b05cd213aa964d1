import { Type as T } from '@sinclair/typebox'
import type { Compute } from '../../compute/index.ts'
import { badRequest, forbidden, isUuid } from '../../kernel/index.ts'
import { CountText, DateTime, dateTime, Many, Once, Text } from './fields.ts'
import { pageOf, paged } from './paging.ts'
import { action, bodyShape, queryShape, resource, route } from './route.ts'
import { serverSubject } from './servers.ts'
import { liveMigrationView, migrationView } from './views/migrations.ts'

const MigrationsQuery = queryShape('migrations', {
  hidden: Many(Text),
  host: Many(Text),
  instance_uuid: Many(Text),
  source_compute: Many(Text),
  status: Many(Text),
  migration_type: Many(Text),
  limit: Once(CountText),
  marker: Once(T.String({ maxLength: 255 })),
  'changes-since': Once(DateTime),
  'changes-before': Once(DateTime),
  user_id: Once(Text),
  project_id: Once(Text),
})
type MigrationsQuery = ReturnType<ReturnType<typeof MigrationsQuery.at>>

const ForceComplete = bodyShape('migration.force_complete', { force_complete: T.Null() }, (inner) => inner)

const ALL_PROJECTS = 'os_compute_api:os-migrations:index:all_projects'
const LIVE = '/servers/:server_id/migrations'

/** Moves of servers between hosts. */
export function migrations(compute: Compute, { maxLimit }: { maxLimit: number }) {
  const { servers } = compute
  const subject = serverSubject(compute)

  return resource('os-migrations', [
    route('GET', '/os-migrations', {
      policy: 'os_compute_api:os-migrations:index',
      query: MigrationsQuery,
      ok: 200,
      async handle(req) {
        const { query, ctx } = req
        const last = (key: keyof MigrationsQuery): string | null => (query[key]?.at(-1) as string | undefined) ?? null
        let project_id = last('project_id')
        if (!req.can(ALL_PROJECTS)) {
          if (project_id !== null && project_id !== ctx.projectId) {
            throw forbidden('Only admins may list the migrations of other projects.')
          }
          project_id = ctx.projectId
        }
        const page = pageOf(query, maxLimit)
        const server_id = last('instance_uuid')
        const filter = {
          server_id,
          host: last('host'),
          source_compute: last('source_compute'),
          status: last('status'),
          migration_type: last('migration_type'),
          user_id: last('user_id'),
          project_id,
          ...changesOf(query),
        }
        // What is no id of a server is the id of none.
        const none = server_id !== null && !isUuid(server_id)
        const items = none ? [] : await servers.migrations(filter, page)
        return paged(req, 'migrations', items, {
          view: migrationView,
          page: req.does('migrations-in-pages') ? page : null,
          marker: ({ uuid }) => uuid,
        })
      },
    }),

    route('GET', LIVE, {
      since: '2.23',
      policy: 'os_compute_api:servers:migrations:index',
      subject,
      ok: { '2.23': 200 },
      handle: async ({ subject, as }) => ({
        migrations: (await servers.liveMigrations(subject.located)).map((each) => as(liveMigrationView, each)),
      }),
    }),

    route('GET', `${LIVE}/:migration_id`, {
      since: '2.23',
      policy: 'os_compute_api:servers:migrations:show',
      subject,
      ok: { '2.23': 200 },
      handle: async ({ subject, params, as }) => ({
        migration: as(liveMigrationView, await servers.liveMigration(subject.located, params.migration_id!)),
      }),
    }),

    route('DELETE', `${LIVE}/:migration_id`, {
      since: '2.24',
      policy: 'os_compute_api:servers:migrations:delete',
      subject,
      ok: { '2.24': 202 },
      handle: ({ ctx, subject, params, does }) =>
        servers.abortMigration(ctx, subject.located, params.migration_id!, { early: does('abort-before-it-runs') }),
    }),

    action(`${LIVE}/:migration_id/action`, 'force_complete', {
      since: '2.22',
      policy: 'os_compute_api:servers:migrations:force_complete',
      subject,
      body: ForceComplete,
      ok: { '2.22': 202 },
      handle: ({ ctx, subject, params }) => servers.forceComplete(ctx, subject.located, params.migration_id!),
    }),
  ])
}

function changesOf(query: MigrationsQuery): { changes_since: Date | null; changes_before: Date | null } {
  const [since, before] = [query['changes-since']?.[0], query['changes-before']?.[0]]
  const changes_since = since === undefined ? null : dateTime(since)
  const changes_before = before === undefined ? null : dateTime(before)
  if (changes_since && changes_before && changes_since > changes_before) {
    throw badRequest('The value of changes-since must be less than or equal to changes-before.')
  }
  return { changes_since, changes_before }
}
