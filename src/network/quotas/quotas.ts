import type { GlobalDb, GlobalTx } from '../../platform/db/index.ts'
import { failure } from '../failures.ts'
import {
  allQuotas,
  COUNTED,
  type Counted,
  countOf,
  deleteQuotas,
  lockLimit,
  type QuotaRow,
  quotasOf,
  setQuotas,
} from './quotas.store.ts'

/** Limits by kind; -1 is unlimited. */
export type NetworkQuota = Readonly<Record<Counted, number>>
export type QuotaUse = Readonly<Record<Counted, { readonly limit: number; readonly used: number; readonly reserved: 0 }>>

const KINDS = Object.keys(COUNTED) as Counted[]
/** Rows read at most for the list of all projects. */
const MAX_ROWS = 10_000

/** What holds for a project for which nobody has said anything. */
export const DEFAULT_QUOTA: NetworkQuota = byKind(() => -1)

export interface QuotaVerbs {
  of(projectId: string): Promise<NetworkQuota>
  /** Of the projects that have one of their own. */
  list(): Promise<(NetworkQuota & { readonly project_id: string })[]>
  use(projectId: string): Promise<QuotaUse>
  set(projectId: string, limits: Partial<NetworkQuota>): Promise<NetworkQuota>
  reset(projectId: string): Promise<void>
}

export function quotaVerbs({ sql }: GlobalDb): QuotaVerbs {
  const of = async (projectId: string): Promise<NetworkQuota> => quotaOf(await quotasOf(sql, projectId))
  return {
    of,
    async list() {
      const byProject = Map.groupBy(await allQuotas(sql, MAX_ROWS), (row) => row.project_id)
      return [...byProject].map(([project_id, rows]) => ({ project_id, ...quotaOf(rows) }))
    },
    async use(projectId) {
      const limits = await of(projectId)
      const counts = await Promise.all(KINDS.map((kind) => countOf(sql, projectId, kind)))
      return byKind((kind) => ({ limit: limits[kind], used: counts[KINDS.indexOf(kind)] ?? 0, reserved: 0 as const }))
    },
    async set(project_id, limits) {
      const rows = KINDS.flatMap((resource) => {
        const hard_limit = limits[resource]
        return hard_limit === undefined ? [] : [{ project_id, resource, hard_limit }]
      })
      if (rows.length > 0) await setQuotas(sql, rows)
      return of(project_id)
    },
    reset: (projectId) => deleteQuotas(sql, projectId),
  }
}

/**
 * Refuses what would be more than a project may have. Nobody else adds to them until the transaction ends. Ports that
 * compute makes for servers are not asked about: how many servers a project has is bounded there.
 * @param owners one entry for each thing that is to be made @throws {Problem} over_quota
 */
export async function checkQuota(tx: GlobalTx, kind: Counted, owners: readonly string[]): Promise<void> {
  const byProject = Map.groupBy(owners, (projectId) => projectId)
  // In one order, so that two requests for the same projects do not wait for each other.
  for (const projectId of [...byProject.keys()].toSorted()) {
    const limit = await lockLimit(tx, projectId, kind)
    const wanted = byProject.get(projectId)?.length ?? 0
    if (limit !== null && (await countOf(tx, projectId, kind)) + wanted > limit) {
      throw failure('over_quota', 'OverQuota', `Quota exceeded for resources: ['${kind}'].`)
    }
  }
}

const quotaOf = (rows: readonly QuotaRow[]): NetworkQuota =>
  byKind((kind) => rows.find((row) => row.resource === kind)?.hard_limit ?? DEFAULT_QUOTA[kind])

function byKind<T>(value: (kind: Counted) => T): Record<Counted, T> {
  return Object.fromEntries(KINDS.map((kind) => [kind, value(kind)])) as Record<Counted, T>
}
