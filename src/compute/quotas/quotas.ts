import { quotaUsage, userUsage } from '../../cells/index.ts'
import { badRequest } from '../../kernel/index.ts'
import type { GlobalDb } from '../../platform/db/index.ts'
import { countKeypairs } from '../keypairs/keypairs.store.ts'
import type { ProjectLookup } from '../ports.ts'
import { countGroups } from '../server-groups/server-groups.store.ts'
import { dropLimits, type LimitRow, readClass, readLimits, writeLimits } from './quotas.store.ts'

/** What is counted, under Nova's names. Memory in MiB; -1 is unlimited. */
export const QUOTA_RESOURCES = [
  'instances',
  'cores',
  'ram',
  'metadata_items',
  'key_pairs',
  'server_groups',
  'server_group_members',
] as const
export type QuotaResource = (typeof QUOTA_RESOURCES)[number]
export type QuotaValues = Readonly<Record<QuotaResource, number>>

/** What bounds a request: what the project may have, and of that the user, where a limit of his own is set. */
export interface Bounds {
  readonly project: QuotaValues
  readonly user: QuotaValues | null
}

export type Quotas = ReturnType<typeof createQuotas>

interface QuotasOptions {
  readonly db: GlobalDb
  readonly projects: ProjectLookup
  readonly defaults: QuotaValues
}

/** What a project may have, and what it has of it; on request what one user of it may have and has. */
export function createQuotas({ db, projects, ...options }: QuotasOptions) {
  // A configuration has more options than there are resources; an answer must not.
  const configured = Object.fromEntries(
    QUOTA_RESOURCES.map((resource) => [resource, options.defaults[resource]]),
  ) as unknown as QuotaValues

  async function boundsOf(projectId: string, userId: string | null): Promise<Bounds> {
    const rows = await readLimits(db, projectId, userId)
    const project = over(over(configured, rows, 'class'), rows, 'project')
    return { project, user: rows.some(({ scope }) => scope === 'user') ? over(project, rows, 'user') : null }
  }

  /** @param userId also counts the limits that were set for this user. */
  async function limitsOf(projectId: string, userId: string | null = null): Promise<QuotaValues> {
    const { project, user } = await boundsOf(projectId, userId)
    return user ?? project
  }

  async function usageOf(projectId: string, userId: string | null = null): Promise<QuotaValues> {
    const [{ instances, cores, memory_mb }, server_groups] = await Promise.all([
      userId === null ? quotaUsage(db.sql, projectId) : userUsage(db.sql, projectId, userId),
      countGroups(db.sql, projectId, userId),
    ])
    return {
      instances,
      cores,
      ram: memory_mb,
      metadata_items: 0,
      // Keypairs belong to users, whatever the project.
      key_pairs: userId === null ? 0 : await countKeypairs(db, userId),
      server_groups,
      server_group_members: 0,
    }
  }

  async function mustExist(projectId: string): Promise<void> {
    if (!(await projects.exists(projectId))) throw badRequest(`Project ID ${projectId} is not a valid project.`)
  }

  /** A limit is not below what is used, nor is a user's above the project's. */
  async function check(projectId: string, userId: string | null, limits: Partial<QuotaValues>): Promise<void> {
    const used = await usageOf(projectId, userId)
    const { project } = await boundsOf(projectId, null)
    for (const [resource, limit] of Object.entries(limits) as [QuotaResource, number][]) {
      if (limit >= 0 && limit < used[resource]) {
        throw badRequest(
          `Quota limit ${limit} for ${resource} must be greater than or equal to ` +
            `already used and reserved ${used[resource]}.`,
        )
      }
      if (userId !== null && project[resource] >= 0 && (limit < 0 || limit > project[resource])) {
        throw badRequest(`Quota limit ${limit} for ${resource} must be less than or equal to ${project[resource]}.`)
      }
    }
  }

  return {
    boundsOf,
    limitsOf,
    usageOf,
    mustExist,

    /** What a project has for which nothing was set. */
    defaults: async (): Promise<QuotaValues> => over(configured, await readClass(db, 'default'), 'class'),

    /** Limits of a class: those of `default` are the defaults, those of another bind nobody. */
    ofClass: async (name: string): Promise<QuotaValues> => over(configured, await readClass(db, name), 'class'),

    async updateClass(name: string, limits: Partial<QuotaValues>): Promise<QuotaValues> {
      await writeLimits(db, { class_name: name }, limits as Record<string, number>)
      return over(configured, await readClass(db, name), 'class')
    },

    /** Servers of this size that still fit, by the limits given. */
    async roomFor(
      { projectId, userId }: { readonly projectId: string; readonly userId: string },
      size: { readonly vcpus: number; readonly memory_mb: number },
      { project, user }: Bounds,
    ): Promise<number> {
      const ofProject = roomWithin(await usageOf(projectId), size, project)
      return user ? Math.min(ofProject, roomWithin(await usageOf(projectId, userId), size, user)) : ofProject
    },

    /**
     * @param userId null for the project itself
     * @param force takes limits below what is used already, or above those of the project. @throws {Problem} bad_request
     */
    async update(
      projectId: string,
      userId: string | null,
      limits: Partial<QuotaValues>,
      { force }: { force: boolean },
    ): Promise<QuotaValues> {
      await mustExist(projectId)
      if (!force) await check(projectId, userId, limits)
      await writeLimits(db, { project_id: projectId, user_id: userId }, limits as Record<string, number>)
      return limitsOf(projectId, userId)
    },

    /** Back to the defaults; without a user the limits of all users of the project go too. */
    reset: (projectId: string, userId: string | null): Promise<void> => dropLimits(db, projectId, userId),
  }
}

function over(values: QuotaValues, rows: readonly LimitRow[], scope: LimitRow['scope']): QuotaValues {
  const set = rows.filter((row) => row.scope === scope)
  return set.length === 0
    ? values
    : { ...values, ...Object.fromEntries(set.map((row) => [row.resource, row.hard_limit])) }
}

function roomWithin(
  used: QuotaValues,
  size: { readonly vcpus: number; readonly memory_mb: number },
  limits: QuotaValues,
): number {
  const room = (limit: number, taken: number, each: number): number =>
    limit < 0 || each === 0 ? Number.POSITIVE_INFINITY : Math.floor((limit - taken) / each)
  return Math.max(
    0,
    Math.min(
      room(limits.instances, used.instances, 1),
      room(limits.cores, used.cores, size.vcpus),
      room(limits.ram, used.ram, size.memory_mb),
    ),
  )
}
