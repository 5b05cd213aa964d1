import { Type as T } from '@sinclair/typebox'
import type { Compute, Located, MappedServer, ServerUpdate } from '../../compute/index.ts'
import { closed } from './changes.ts'
import { boolean, Description, Fqdn, Int, integer, Ipv4, Ipv6, Name } from './fields.ts'
import { paged } from './paging.ts'
import { newPassword } from './password.ts'
import { action, type Asked, bodyShape, Reply, type Req, resource, route } from './route.ts'
import { createRequest, ServerCreate } from './server-create.ts'
import { listRequest } from './server-list.ts'
import { ServerQuery } from './server-query.ts'
import {
  serverBrief,
  serverCreated,
  serverListed,
  serverShown,
  serverUpdated,
  unreachableBrief,
  unreachableListed,
  unreachableShown,
} from './views/servers.ts'

/** What a route below `/servers/:server_id` is about; its owner is the target of policy. */
export interface ServerSubject {
  readonly project_id: string
  readonly user_id: string
  readonly located: Located
}

/** Looks the server up for the rows of its sub-resources. */
export function serverSubject({ servers }: Compute) {
  return async ({ ctx, params }: Asked): Promise<ServerSubject> => {
    const located = await servers.find(ctx, params.server_id!)
    return { project_id: located.server.project_id, user_id: located.server.user_id, located }
  }
}

const ServerUpdateBody = bodyShape(
  'server.update',
  {
    name: T.Optional(Name),
    'OS-DCF:diskConfig': T.Optional(T.Union([T.Literal('AUTO'), T.Literal('MANUAL')])),
    accessIPv4: T.Optional(T.Union([Ipv4, T.Literal('')])),
    accessIPv6: T.Optional(T.Union([Ipv6, T.Literal('')])),
    description: T.Optional(Description),
    hostname: T.Optional(Fqdn),
    pinned_availability_zone: T.Optional(T.Union([Name, T.Null()])),
  },
  (server) => closed({ server }),
)

/** An action whose value nobody reads: clients send null or {}. */
const anything = (key: string) => bodyShape(`server.${key}`, { [key]: T.Unknown() }, (inner) => inner)

const Reboot = bodyShape(
  'server.reboot',
  {
    reboot: closed({
      type: T.Union((['HARD', 'Hard', 'hard', 'SOFT', 'Soft', 'soft'] as const).map((type) => T.Literal(type))),
    }),
  },
  (inner) => inner,
)

const ConsoleOutput = bodyShape(
  'server.console_output',
  { 'os-getConsoleOutput': closed({ length: T.Optional(T.Union([Int(-1), T.Null()])) }) },
  (inner) => inner,
)

const Lock = bodyShape(
  'server.lock',
  { lock: T.Union([T.Null(), closed({ locked_reason: T.Optional(T.String({ minLength: 1, maxLength: 255 })) })]) },
  (inner) => inner,
)

const ResetState = bodyShape(
  'server.reset_state',
  { 'os-resetState': closed({ state: T.Union([T.Literal('active'), T.Literal('error')]) }) },
  (inner) => inner,
)

const ACTION = '/servers/:server_id/action'

export interface ServersConfig {
  readonly maxLimit: number
  /** `[api] enable_instance_password`: whether a create answers with a password. */
  readonly adminPassword: boolean
}

export function servers(compute: Compute, { maxLimit, adminPassword }: ServersConfig) {
  const { servers } = compute
  const subject = serverSubject(compute)

  /** The server as a view of it wants it; the state of its host only for those who may see it. */
  async function detail(req: Asked, server: Located['server']) {
    const [source] = await servers.details([server], maySeeHost(req))
    return source!
  }

  const maySeeHost = (req: Asked): boolean =>
    req.does('host-status') && req.can('os_compute_api:servers:show:host_status')

  async function list(req: Req<null, ServerQuery>, allProjectsRule: string) {
    const request = listRequest(req, allProjectsRule, maxLimit)
    if (request === null) return { items: [], unreachable: [], page: null }
    const { filter, marker, limit } = request
    const partial = req.does('unreachable-cells')
    const { servers: items, unreachable } = await servers.list(req.ctx, filter, { marker, limit, partial })
    return { items, unreachable, page: { limit, marker } }
  }

  /** What can be shown: of a server whose cell cannot be reached, what is known without it. */
  async function shown(req: Asked): Promise<ServerSubject | MappedServer> {
    try {
      return await subject(req)
    } catch (error) {
      if (!req.does('unreachable-cells')) throw error
      return servers.findMapped(req.ctx, req.params.server_id!, error)
    }
  }

  return resource('servers', [
    route('GET', '/servers', {
      policy: 'os_compute_api:servers:index',
      query: ServerQuery,
      ok: 200,
      async handle(req) {
        const { items, unreachable, page } = await list(req, 'os_compute_api:servers:index:get_all_tenants')
        const answer = paged(req, 'servers', items, { view: serverBrief, page, marker: (server) => server.id })
        for (const server of unreachable) answer.servers.push(req.as(unreachableBrief, server))
        return answer
      },
    }),

    route('GET', '/servers/detail', {
      policy: 'os_compute_api:servers:detail',
      query: ServerQuery,
      ok: 200,
      async handle(req) {
        const { items, unreachable, page } = await list(req, 'os_compute_api:servers:detail:get_all_tenants')
        const details = await servers.details(items, maySeeHost(req))
        const answer = paged(req, 'servers', details, { view: serverListed, page, marker: ({ server }) => server.id })
        for (const server of unreachable) answer.servers.push(req.as(unreachableListed, server))
        return answer
      },
    }),

    route('POST', '/servers', {
      policy: 'os_compute_api:servers:create',
      body: ServerCreate,
      ok: 202,
      async handle(req) {
        const { adminPass, return_reservation_id } = req.body.server
        const admin_password = adminPassword ? (adminPass ?? newPassword()) : undefined
        const [server] = await servers.create(req.ctx, { ...createRequest(req), admin_password })
        if (return_reservation_id !== undefined && boolean(return_reservation_id)) {
          return { reservation_id: server!.reservation_id }
        }
        const body = { server: req.as(serverCreated, { server: server!, admin_password }) }
        return new Reply(body, { Location: req.links.self(`/servers/${server!.id}`) })
      },
    }),

    route('GET', '/servers/:server_id', {
      policy: 'os_compute_api:servers:show',
      subject: shown,
      ok: 200,
      async handle(req) {
        const { subject } = req
        if (!('located' in subject)) return { server: req.as(unreachableShown, subject) }
        return { server: req.as(serverShown, await detail(req, subject.located.server)) }
      },
    }),

    route('PUT', '/servers/:server_id', {
      policy: 'os_compute_api:servers:update',
      subject,
      body: ServerUpdateBody,
      ok: 200,
      async handle(req) {
        const changed = await servers.update(req.ctx, req.subject.located, updateOf(req.body.server))
        return { server: req.as(serverUpdated, await detail(req, changed)) }
      },
    }),

    route('DELETE', '/servers/:server_id', {
      policy: 'os_compute_api:servers:delete',
      subject,
      ok: 204,
      handle: ({ ctx, subject }) => servers.delete(ctx, subject.located),
    }),

    action(ACTION, 'reboot', {
      policy: 'os_compute_api:servers:reboot',
      subject,
      body: Reboot,
      ok: 202,
      handle: ({ ctx, subject, body }) =>
        servers.reboot(ctx, subject.located, body.reboot.type.toUpperCase() as 'SOFT' | 'HARD'),
    }),

    action(ACTION, 'os-getConsoleOutput', {
      policy: 'os_compute_api:os-console-output',
      subject,
      body: ConsoleOutput,
      ok: 200,
      async handle({ subject, body }) {
        const { length } = body['os-getConsoleOutput']
        const lines = length === undefined || length === null || integer(length) === -1 ? null : integer(length)
        return { output: await servers.consoleOutput(subject.located, lines) }
      },
    }),

    action(ACTION, 'lock', {
      policy: 'os_compute_api:os-lock-server:lock',
      subject,
      body: Lock,
      ok: 202,
      async handle({ ctx, subject, body, does }) {
        const reason = does('lock-takes-a-reason') ? body.lock?.locked_reason : undefined
        await servers.lock(ctx, subject.located, reason ?? null)
      },
    }),

    action(ACTION, 'unlock', {
      policy: 'os_compute_api:os-lock-server:unlock',
      subject,
      body: anything('unlock'),
      ok: 202,
      async handle({ ctx, subject, must }) {
        const mine = subject.project_id === ctx.projectId ? 'owner' : 'admin'
        const { locked_by } = subject.located.server
        if (locked_by !== null && locked_by !== mine) must('os_compute_api:os-lock-server:unlock:unlock_override')
        await servers.unlock(ctx, subject.located)
      },
    }),

    action(ACTION, 'os-resetState', {
      policy: 'os_compute_api:os-admin-actions:reset_state',
      subject,
      body: ResetState,
      ok: 202,
      async handle({ ctx, subject, body }) {
        await servers.resetState(ctx, subject.located, body['os-resetState'].state)
      },
    }),
  ])
}

type UpdateFields = ReturnType<ReturnType<typeof ServerUpdateBody.at>>['server']

function updateOf(server: UpdateFields): ServerUpdate {
  const changes: { -readonly [K in keyof ServerUpdate]: ServerUpdate[K] } = {}
  if (server.name !== undefined) changes.name = server.name
  if (server.description !== undefined) changes.description = server.description
  if (server.hostname !== undefined) changes.hostname = server.hostname
  if (server.accessIPv4 !== undefined) changes.access_ip_v4 = server.accessIPv4 || null
  if (server.accessIPv6 !== undefined) changes.access_ip_v6 = server.accessIPv6 || null
  if (server.pinned_availability_zone !== undefined) changes.availability_zone = server.pinned_availability_zone
  const diskConfig = server['OS-DCF:diskConfig']
  if (diskConfig !== undefined) changes.auto_disk_config = diskConfig === 'AUTO'
  return changes
}
