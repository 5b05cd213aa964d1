import type { QuotaValues } from '../../../compute/index.ts'
import { defineView } from '../view.ts'

export type LimitsSource = QuotaValues & { readonly used: QuotaValues }

export const limitsView = defineView<LimitsSource>('limits', ({ used, ...limits }) => ({
  maxTotalInstances: limits.instances,
  maxTotalCores: limits.cores,
  maxTotalRAMSize: limits.ram,
  maxTotalKeypairs: limits.key_pairs,
  maxServerMeta: limits.metadata_items,
  maxServerGroups: limits.server_groups,
  maxServerGroupMembers: limits.server_group_members,
  totalInstancesUsed: used.instances,
  totalCoresUsed: used.cores,
  totalRAMUsed: used.ram,
  totalServerGroupsUsed: used.server_groups,
}))

export const quotaSet = defineView<QuotaValues>('quota_set', (limits) => ({ ...limits }))

export const quotaClassSet = defineView<QuotaValues>('quota_class_set', (limits) => ({ ...limits }))

export const quotaSetDetail = defineView<LimitsSource>('quota_set.detail', ({ used, ...limits }) =>
  Object.fromEntries(
    (Object.keys(limits) as (keyof QuotaValues)[]).map((name) => [
      name,
      { limit: limits[name], in_use: used[name], reserved: 0 },
    ]),
  ),
)
