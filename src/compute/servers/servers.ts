import type { ListedServer, Located, MappedServer, Server, ServerQuery } from '../../cells/index.ts'
import { instanceName } from '../../conductor/index.ts'
import type { Assumptions, WhatIfResult } from '../../contracts/index.ts'
import { badRequest, conflict, isUuid, Problem, type RequestContext } from '../../kernel/index.ts'
import type { HostStatus } from '../hosts/hosts.ts'
import type { SecurityGroup } from '../ports.ts'
import { createActionLog } from './actions.ts'
import { createChanges, mayKnow, type ServerPorts } from './change.ts'
import { type CreateServers, createServers } from './create.ts'
import { deleteServer, mayBeRestored, restoreServer, softDeleteServer } from './delete.ts'
import { type EvacuateServer, evacuateServer, type LiveMigrateServer, liveMigrateServer } from './live-migrate.ts'
import { whetherPlaced } from './placed.ts'
import { type RebuildServer, rebuildServer, type RescueServer, rescueServer } from './rebuild.ts'
import { createInterfaceUseCases } from './interfaces.ts'
import { createMigrationUseCases } from './migrations.ts'
import { confirmResize, migrateServer, type ResizeServer, resizeServer, revertResize } from './resize.ts'
import { shelveServer, type UnshelveServer, unshelveServer } from './shelve.ts'
import { type SnapshotServer, snapshotServer } from './snapshot.ts'
import { type Transition, TRANSITIONS } from './transitions.ts'
import { schedulingOf, whatIf } from './scheduling.ts'
import { createUnreachable } from './unreachable.ts'

/** A server with what follows from its row. */
export interface ServerDetail {
  readonly server: ListedServer
  /** What libvirt calls the guest; "" before the server has a cell. */
  readonly instance_name: string
  readonly zone: string
  /** Null where nobody asked. */
  readonly host_status: HostStatus | null
}

/** Which servers a list has, in which order. */
export type ServerFilter = Omit<ServerQuery, 'after' | 'limit'>

/** What an owner may change at any time. */
export type ServerUpdate = Partial<
  Pick<
    Server,
    'name' | 'description' | 'hostname' | 'access_ip_v4' | 'access_ip_v6' | 'auto_disk_config' | 'availability_zone'
  >
>

export type Servers = ReturnType<typeof createServerUseCases>

const CONSOLE_DEADLINE_S = 30
const POWER_DEADLINE_S = 3600
export function createServerUseCases(ports: ServerPorts) {
  const { cells, hosts } = ports
  const changes = createChanges(ports)
  const { find, alter, begin } = changes
  async function details(servers: readonly ListedServer[], withStatus: boolean): Promise<ServerDetail[]> {
    const [zoneOf, statuses] = await Promise.all([hosts.zoneOf(), withStatus ? hosts.statuses() : null])
    return servers.map((server) => ({
      server,
      instance_name: server.number === null ? '' : instanceName(ports.instance_name_template, server),
      zone: server.host === null ? (server.availability_zone ?? '') : zoneOf(server.host),
      host_status: statuses && (server.host === null ? '' : (statuses.get(server.host) ?? 'UNKNOWN')),
    }))
  }

  const { findMapped, mapped } = createUnreachable(cells)

  async function serverAtMarker(ctx: RequestContext, marker: string): Promise<Server> {
    const located = isUuid(marker) ? await cells.find(marker) : null
    if (!located || !mayKnow(ctx, located.server.project_id)) throw badRequest(`marker [${marker}] not found`)
    return located.server
  }

  const power = (transition: Transition, kind: string) => (ctx: RequestContext, located: Located) =>
    begin(ctx, located, transition, { kind, input: {}, deadline_s: POWER_DEADLINE_S })

  return {
    ...createActionLog(cells),
    ...createMigrationUseCases(ports, changes),
    ...createInterfaceUseCases(ports, changes),
    /** @throws {Problem} not_found, for one of another project too. */
    find,
    findMapped,
    details,
    /** Of the servers that exist, whether each is on a host. For services of the cloud: of all projects. */
    whetherPlaced: (ids: readonly string[]) => whetherPlaced(cells, ids),

    create: (ctx: RequestContext, request: CreateServers): Promise<Server[]> => createServers(ports, ctx, request),

    /** How the server came to its host, or why to none. */
    scheduling: schedulingOf,

    /** Where servers of such a request would go. Nothing is written. @throws {Problem} as `create`, but for the quota */
    whatIf: (ctx: RequestContext, request: CreateServers, assume: Assumptions): Promise<WhatIfResult> =>
      whatIf(ports, ctx, request, assume),

    /**
     * @param marker id of the last server of the page before
     * @param partial also wants what is known of servers whose cell cannot be reached
     * @throws {Problem} bad_request: unknown marker
     */
    async list(
      ctx: RequestContext,
      filter: ServerFilter,
      { marker, limit, partial }: { marker: string | null; limit: number; partial: boolean },
    ): Promise<{ servers: ListedServer[]; unreachable: MappedServer[] }> {
      const after = marker === null ? null : await serverAtMarker(ctx, marker)
      const { servers, unreachable } = await cells.list({ ...filter, limit, after })
      // Their place in a sorted list is not known: they stand at the end of the first page.
      const wanted = partial && marker === null && unreachable.length > 0
      return { servers, unreachable: wanted ? await mapped(unreachable, filter, limit - servers.length) : [] }
    },

    /** @throws {Problem} conflict for a zone to stay in that the server is not in */
    async update(ctx: RequestContext, located: Located, update: ServerUpdate): Promise<Server> {
      const zoneOf = await hosts.zoneOf()
      return alter(ctx, located, TRANSITIONS.update, ({ id, host }) => {
        const { availability_zone: zone } = update
        if (typeof zone === 'string' && zone !== zoneOf(host)) {
          throw conflict(`Instance ${id} is not in availability zone ${zone}, and cannot be pinned to it.`)
        }
        return update
      })
    },

    /** For as long as `reclaim_instance_interval` says it can be restored. */
    delete: (ctx: RequestContext, located: Located): Promise<void> =>
      mayBeRestored(ports, located)
        ? softDeleteServer(changes, ctx, located)
        : deleteServer(ports, changes, ctx, located),
    start: power(TRANSITIONS.start, 'server.start'),
    stop: power(TRANSITIONS.stop, 'server.stop'),

    reboot: (ctx: RequestContext, located: Located, type: 'SOFT' | 'HARD'): Promise<void> =>
      begin(ctx, located, type === 'SOFT' ? TRANSITIONS.reboot_soft : TRANSITIONS.reboot_hard, {
        kind: 'server.reboot',
        input: { type },
        deadline_s: POWER_DEADLINE_S,
      }),

    pause: power(TRANSITIONS.pause, 'server.pause'),
    unpause: power(TRANSITIONS.unpause, 'server.unpause'),
    suspend: power(TRANSITIONS.suspend, 'server.suspend'),
    resume: power(TRANSITIONS.resume, 'server.resume'),
    unrescue: power(TRANSITIONS.unrescue, 'server.unrescue'),
    triggerCrashDump: power(TRANSITIONS.trigger_crash_dump, 'server.crash-dump'),

    rebuild: (ctx: RequestContext, located: Located, request: RebuildServer): Promise<void> =>
      rebuildServer(ports, changes, ctx, located, request),
    rescue: (ctx: RequestContext, located: Located, request: RescueServer): Promise<void> =>
      rescueServer(ports, changes, ctx, located, request),

    /** @returns the id of the image. */
    snapshot: (ctx: RequestContext, located: Located, request: SnapshotServer): Promise<string> =>
      snapshotServer(ports, changes, ctx, located, request),

    resize: (ctx: RequestContext, located: Located, request: ResizeServer): Promise<void> =>
      resizeServer(ports, changes, ctx, located, request),
    /** @param host wanted; null takes any other. */
    migrate: (ctx: RequestContext, located: Located, host: string | null): Promise<void> =>
      migrateServer(ports, changes, ctx, located, host),
    confirmResize: (ctx: RequestContext, located: Located): Promise<void> => confirmResize(changes, ctx, located),
    revertResize: (ctx: RequestContext, located: Located): Promise<void> => revertResize(changes, ctx, located),

    liveMigrate: (ctx: RequestContext, located: Located, request: LiveMigrateServer): Promise<void> =>
      liveMigrateServer(ports, changes, ctx, located, request),
    evacuate: (ctx: RequestContext, located: Located, request: EvacuateServer): Promise<void> =>
      evacuateServer(ports, changes, ctx, located, request),

    shelve: (ctx: RequestContext, located: Located): Promise<void> => shelveServer(ports, changes, ctx, located),
    shelveOffload: power(TRANSITIONS.shelve_offload, 'server.shelve-offload'),
    unshelve: (ctx: RequestContext, located: Located, request: UnshelveServer): Promise<void> =>
      unshelveServer(ports, changes, ctx, located, request),

    restore: (ctx: RequestContext, located: Located): Promise<void> => restoreServer(changes, ctx, located),
    /** At once, whatever the grace period. */
    forceDelete: (ctx: RequestContext, located: Located): Promise<void> =>
      deleteServer(ports, changes, ctx, located, TRANSITIONS.force_delete),

    changePassword: (ctx: RequestContext, located: Located, admin_password: string): Promise<void> =>
      begin(ctx, located, TRANSITIONS.set_admin_password, {
        kind: 'server.change-password',
        input: { admin_password },
        deadline_s: POWER_DEADLINE_S,
      }),

    securityGroups: ({ server }: Located): Promise<readonly SecurityGroup[]> =>
      ports.networks.groupsOfServer(server.id),

    /** @param lines from the end; null is all of it. @throws {Problem} conflict: it is on no host yet */
    async consoleOutput({ server }: Located, lines: number | null): Promise<string> {
      if (server.host === null) throw conflict(`Instance ${server.id} is not ready`)
      const { output } = await ports.hostCalls.query(
        server.host,
        { query: 'console_output', server_id: server.id, lines },
        CONSOLE_DEADLINE_S,
      )
      return output
    },

    /** Locks against all but admins; a lock of another project's admin is not the owner's to lift. */
    lock: (ctx: RequestContext, located: Located, reason: string | null): Promise<Server> =>
      alter(ctx, located, TRANSITIONS.lock, (server) => {
        const mine = server.project_id === ctx.projectId
        // Else an owner could put a lock that is his to lift in the place of an admin's.
        if (server.locked_by !== null && mine) return {}
        return { locked_by: mine ? 'owner' : 'admin', locked_reason: reason }
      }),

    unlock: (ctx: RequestContext, located: Located): Promise<Server> =>
      alter(ctx, located, TRANSITIONS.unlock, () => ({ locked_by: null, locked_reason: null })),

    resetState: (ctx: RequestContext, located: Located, vm_state: 'active' | 'error'): Promise<Server> =>
      alter(ctx, located, TRANSITIONS.reset_state, () => ({ vm_state, task_state: null })),

    /** @param merge what the metadata becomes. @throws {Problem} over_quota */
    async setMetadata(
      ctx: RequestContext,
      located: Located,
      merge: (metadata: Server['metadata']) => Record<string, string>,
    ): Promise<Server['metadata']> {
      const { metadata_items: limit } = await ports.quotas.limitsOf(located.server.project_id)
      const { metadata } = await alter(ctx, located, TRANSITIONS.metadata, (server) => {
        const metadata = merge(server.metadata)
        if (limit >= 0 && Object.keys(metadata).length > limit) {
          throw new Problem('over_quota', `Maximum number of metadata items exceeds ${limit}`)
        }
        return { metadata }
      })
      return metadata
    },

    /** What the guest has posted, encrypted for the owner of its keypair; "" for nothing. */
    guestPassword: ({ server }: Located): string => server.system_metadata?.guest_password ?? '',

    /** A guest posts its password once; after this it may again. */
    clearGuestPassword: (ctx: RequestContext, located: Located): Promise<Server> =>
      alter(ctx, located, TRANSITIONS.clear_password, ({ system_metadata }) => {
        const { guest_password: _gone, ...kept } = system_metadata ?? {}
        return { system_metadata: kept }
      }),

    /** @param merge what the tags become. */
    async setTags(
      ctx: RequestContext,
      located: Located,
      merge: (tags: readonly string[]) => string[],
    ): Promise<readonly string[]> {
      const { tags } = await alter(ctx, located, TRANSITIONS.tags, (server) => ({ tags: merge(server.tags) }))
      return tags
    },
  }
}
