import { type ActionRow, type Resource, resource, type RouteRow } from './route.ts'
import { version } from './version.ts'

const SERVERS = /^\/servers(\/detail|\/:server_id(\/action)?)?$/

/** The actions that come with the resource of servers itself; those of extensions never had a second name. */
const ACTIONS = new Set([
  'confirmResize',
  'revertResize',
  'reboot',
  'resize',
  'rebuild',
  'createImage',
  'os-start',
  'os-stop',
  'trigger_crash_dump',
])

/**
 * `/os-volumes_boot`, from the days when a server that boots from a volume was created elsewhere: until 2.102 it is
 * another name of `/servers`.
 */
export function volumesBoot(servers: readonly Resource[]): Resource {
  const until = version('2.102')
  const rows = servers
    .flatMap((each) => each.rows)
    .filter((row) => SERVERS.test(row.path) && row.since <= until && (!('key' in row) || ACTIONS.has(row.key)))
  return resource(
    'os-volumes_boot',
    rows.map((row): RouteRow | ActionRow => ({
      ...row,
      path: row.path.replace('/servers', '/os-volumes_boot'),
      until: Math.min(row.until, until),
    })),
  )
}
