import type { InventoryRow, ProviderRow } from './placement.store.ts'

/** The classes of resources that compute nodes have here, under Placement's names. */
export const RESOURCE_CLASSES = ['VCPU', 'MEMORY_MB', 'DISK_GB'] as const
export type ResourceClass = (typeof RESOURCE_CLASSES)[number]

export const isResourceClass = (name: string): name is ResourceClass =>
  (RESOURCE_CLASSES as readonly string[]).includes(name)

export type Amounts = Readonly<Partial<Record<ResourceClass, number>>>

export interface Inventory {
  readonly total: number
  readonly reserved: number
  readonly min_unit: number
  readonly max_unit: number
  readonly step_size: number
  readonly allocation_ratio: number
}

const ROWS: Readonly<Record<ResourceClass, (row: ProviderRow) => InventoryRow>> = {
  VCPU: (row) => row.vcpu,
  MEMORY_MB: (row) => row.memory_mb,
  DISK_GB: (row) => row.disk_gb,
}

/** What a node has of each class; of what it has nothing, it has no inventory. */
export function inventoriesOf(row: ProviderRow): ReadonlyMap<ResourceClass, Inventory & { used: number; capacity: number }> {
  return new Map(
    RESOURCE_CLASSES.flatMap((name) => {
      const { total, reserved, ratio, capacity, used } = ROWS[name](row)
      if (total <= 0) return []
      const inventory = { total, reserved, min_unit: 1, max_unit: total, step_size: 1, allocation_ratio: ratio }
      return [[name, { ...inventory, capacity, used }] as const]
    }),
  )
}

/** Of a claim what is not nothing. */
export function amountsOf(row: { readonly vcpus: number; readonly memory_mb: number; readonly disk_gb: number }): Amounts {
  const all: Record<ResourceClass, number> = { VCPU: row.vcpus, MEMORY_MB: row.memory_mb, DISK_GB: row.disk_gb }
  return Object.fromEntries(Object.entries(all).filter(([, amount]) => amount > 0))
}
