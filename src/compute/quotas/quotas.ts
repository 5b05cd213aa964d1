import { quotaUsage } from '../../cells/index.ts'
import { badRequest } from '../../kernel/index.ts'
import type { GlobalDb } from '../../platform/db/index.ts'
import type { ProjectLookup } from '../ports.ts'
import { countGroups } from '../server-groups/server-groups.store.ts'
import { dropLimits, readLimits, writeLimits } from './quotas.store.ts'

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

export type Quotas = ReturnType<typeof createQuotas>

interface QuotasOptions {
  readonly db: GlobalDb
  readonly projects: ProjectLookup
  readonly defaults: QuotaValues
}

/** What a project may have, and what it has of it. */
export function createQuotas({ db, projects, ...options }: QuotasOptions) {
  // A configuration has more options than there are resources; an answer must not.
  const defaults = Object.fromEntries(
    QUOTA_RESOURCES.map((resource) => [resource, options.defaults[resource]]),
  ) as unknown as QuotaValues

  async function limitsOf(projectId: string): Promise<QuotaValues> {
    const rows = await readLimits(db, projectId)
    return rows.length === 0
      ? defaults
      : { ...defaults, ...Object.fromEntries(rows.map((row) => [row.resource, row.hard_limit])) }
  }

  async function usageOf(projectId: string): Promise<QuotaValues> {
    const [{ instances, cores, memory_mb }, server_groups] = await Promise.all([
      quotaUsage(db.sql, projectId),
      countGroups(db.sql, projectId),
    ])
    return {
      instances,
      cores,
      ram: memory_mb,
      metadata_items: 0,
      key_pairs: 0,
      server_groups,
      server_group_members: 0,
    }
  }

  async function mustExist(projectId: string): Promise<void> {
    if (!(await projects.exists(projectId))) throw badRequest(`Project ID ${projectId} is not a valid project.`)
  }

  return {
    defaults,
    limitsOf,
    usageOf,
    mustExist,

    /** Servers of this size that still fit, by the limits given. */
    async roomFor(
      projectId: string,
      size: { readonly vcpus: number; readonly memory_mb: number },
      limits: QuotaValues,
    ): Promise<number> {
      const used = await usageOf(projectId)
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
    },

    /** @param force takes limits below what is used already. @throws {Problem} bad_request */
    async update(projectId: string, limits: Partial<QuotaValues>, { force }: { force: boolean }): Promise<QuotaValues> {
      await mustExist(projectId)
      if (!force) {
        const used = await usageOf(projectId)
        for (const [resource, limit] of Object.entries(limits) as [QuotaResource, number][]) {
          if (limit >= 0 && limit < used[resource]) {
            throw badRequest(
              `Quota limit ${limit} for ${resource} must be greater than or equal to ` +
                `already used and reserved ${used[resource]}.`,
            )
          }
        }
      }
      await writeLimits(db, projectId, limits as Record<string, number>)
      return limitsOf(projectId)
    },

    /** Back to the defaults. */
    reset: (projectId: string): Promise<void> => dropLimits(db, projectId),
  }
}
