import { Type as T } from '@sinclair/typebox'
import { badRequest } from '../../kernel/index.ts'
import { CountText, DateTime, dateTime, Many, Once, Text } from './fields.ts'
import { queryShape, resource, route } from './route.ts'

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

/** Moves of servers between hosts. No server moves yet, so the list is empty whatever it is asked for. */
export const migrations = resource('os-migrations', [
  route('GET', '/os-migrations', {
    policy: 'os_compute_api:os-migrations:index',
    query: MigrationsQuery,
    ok: 200,
    handle({ query }) {
      const marker = query.marker?.[0]
      if (marker !== undefined) throw badRequest(`Marker ${marker} could not be found.`)
      const [since, before] = [query['changes-since']?.[0], query['changes-before']?.[0]]
      if (since !== undefined && before !== undefined && dateTime(since) > dateTime(before)) {
        throw badRequest('The value of changes-since must be less than or equal to changes-before.')
      }
      return { migrations: [] }
    },
  }),
])
