import { Type as T } from '@sinclair/typebox'
import type { Compute, Located } from '../../compute/index.ts'
import type { RequestContext } from '../../kernel/index.ts'
import { closed } from './changes.ts'
import { action, type ActionRow, bodyShape, resource } from './route.ts'
import { type ServerSubject, serverSubject } from './servers.ts'
import type { VersionText } from './version.ts'

export const SERVER_ACTION = '/servers/:server_id/action'

/** An action whose value nobody reads: clients send null or {}. */
export const anything = (key: string) => bodyShape(`server.${key}`, { [key]: T.Unknown() }, (inner) => inner)

/** An action whose value has to be null. */
const nothing = (key: string) => bodyShape(`server.${key}`, { [key]: T.Null() }, (inner) => inner)

const Password = bodyShape('server.change_password', { adminPass: T.String({ maxLength: 255 }) }, (changePassword) =>
  closed({ changePassword }),
)

type Verb = (ctx: RequestContext, located: Located) => Promise<unknown>

interface Plain {
  readonly key: string
  readonly policy: string
  readonly verb: Verb
  readonly ok?: number
  readonly since?: VersionText
  readonly body?: ReturnType<typeof anything>
}

/** Actions that say all by their name. */
export function serverActions(compute: Compute) {
  const { servers } = compute
  const subject = serverSubject(compute)

  const plain: Plain[] = [
    { key: 'os-start', policy: 'servers:start', verb: servers.start },
    { key: 'os-stop', policy: 'servers:stop', verb: servers.stop },
    { key: 'pause', policy: 'os-pause-server:pause', verb: servers.pause },
    { key: 'unpause', policy: 'os-pause-server:unpause', verb: servers.unpause },
    { key: 'suspend', policy: 'os-suspend-server:suspend', verb: servers.suspend },
    { key: 'resume', policy: 'os-suspend-server:resume', verb: servers.resume },
    { key: 'shelve', policy: 'os-shelve:shelve', verb: servers.shelve },
    { key: 'shelveOffload', policy: 'os-shelve:shelve_offload', verb: servers.shelveOffload },
    { key: 'restore', policy: 'os-deferred-delete:restore', verb: servers.restore },
    { key: 'forceDelete', policy: 'os-deferred-delete:force', verb: servers.forceDelete },
    { key: 'unrescue', policy: 'os-unrescue', verb: servers.unrescue },
    {
      key: 'trigger_crash_dump',
      policy: 'servers:trigger_crash_dump',
      verb: servers.triggerCrashDump,
      since: '2.17',
      body: nothing('trigger_crash_dump'),
    },
  ]

  const row = ({ key, policy, verb, ok = 202, since, body = anything(key) }: Plain): ActionRow =>
    action<unknown, Record<string, never>, ServerSubject>(SERVER_ACTION, key, {
      policy: `os_compute_api:${policy}`,
      subject,
      body,
      ok,
      ...(since ? { since } : {}),
      handle: async ({ ctx, subject }) => void (await verb(ctx, subject.located)),
    })

  return resource('server actions', [
    ...plain.map(row),

    action(SERVER_ACTION, 'changePassword', {
      policy: 'os_compute_api:os-admin-password',
      subject,
      body: Password,
      ok: 202,
      handle: ({ ctx, subject, body }) =>
        servers.changePassword(ctx, subject.located, body.changePassword.adminPass),
    }),
  ])
}
