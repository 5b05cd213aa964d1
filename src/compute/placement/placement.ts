import type { Cells } from '../../cells/index.ts'
import { isUuid, notFound } from '../../kernel/index.ts'
import { type Aggregate, listAggregates } from '../aggregates/aggregates.store.ts'
import { type Amounts, amountsOf, type Inventory, inventoriesOf, type ResourceClass } from './classes.ts'
import { type ClaimRow, claimsOfConsumer, claimsOnProvider, listProviders, type ProviderRow, useOf } from './placement.store.ts'
import { traitsOf } from './traits.ts'

/** A compute node in Placement's words. */
export interface Provider {
  readonly uuid: string
  readonly name: string
  readonly generation: number
  readonly updated_at: Date
  readonly inventories: ReadonlyMap<ResourceClass, Inventory & { readonly used: number; readonly capacity: number }>
  readonly traits: readonly string[]
  /** UUIDs of the host aggregates that the node is in. */
  readonly aggregates: readonly string[]
}

/** Which nodes are meant: all of these hold. */
export interface ProviderQuery {
  readonly name?: string
  readonly uuids?: readonly string[]
  /** One of each list. */
  readonly memberOf?: readonly (readonly string[])[]
  readonly notMemberOf?: readonly string[]
  /** One of each list. */
  readonly required?: readonly (readonly string[])[]
  readonly forbidden?: readonly string[]
  /** Room for all of this. */
  readonly resources?: Amounts
}

export type ConsumerType = 'INSTANCE' | 'MIGRATION'

/** What a server, or the move of one, holds of a node. */
export interface Allocation {
  readonly provider: string
  readonly provider_generation: number
  readonly consumer: string
  readonly consumer_type: ConsumerType
  readonly consumer_generation: number
  readonly project_id: string
  readonly user_id: string
  readonly resources: Amounts
}

export interface ConsumerUse {
  readonly consumer_type: ConsumerType
  readonly consumers: number
  readonly resources: Amounts
}

/** What Placement would tell of this cloud, read from where it is decided: nodes' inventories and servers' claims. */
export interface Placement {
  providers(query: ProviderQuery): Promise<Provider[]>
  /** @throws {Problem} not_found */
  provider(uuid: string): Promise<Provider>
  /** @throws {Problem} not_found for a node that is not there */
  allocationsOn(uuid: string): Promise<Allocation[]>
  /** Of nobody that is known here, none. */
  allocationsOf(consumer: string): Promise<Allocation[]>
  use(projectId: string, userId: string | null): Promise<ConsumerUse[]>
}

export function createPlacement(cells: Cells): Placement {
  async function read(uuid: string | null): Promise<Provider[]> {
    const [{ found }, aggregates] = await Promise.all([
      cells.gather((cell) => listProviders(cell, uuid)),
      listAggregates(cells.global),
    ])
    return found.map((row) => providerOf(row, aggregates))
  }

  async function provider(uuid: string): Promise<Provider> {
    const [found] = isUuid(uuid) ? await read(uuid) : []
    if (!found) throw notFound(`No resource provider with uuid ${uuid} found : No resource provider with uuid ${uuid} found`)
    return found
  }

  return {
    async providers(query) {
      return (await read(null)).filter((each) => answers(each, query))
    },
    provider,
    async allocationsOn(uuid) {
      await provider(uuid)
      return (await cells.gather((cell) => claimsOnProvider(cell, uuid))).found.map(allocationOf)
    },
    async allocationsOf(consumer) {
      if (!isUuid(consumer)) return []
      return (await cells.gather((cell) => claimsOfConsumer(cell, consumer))).found.map(allocationOf)
    },
    async use(projectId, userId) {
      const { found } = await cells.gather((cell) => useOf(cell, projectId, userId))
      return [...Map.groupBy(found, ({ held_for }) => held_for)].map(([held_for, rows]) => {
        const sum = (of: (row: (typeof rows)[number]) => number) => rows.reduce((total, row) => total + of(row), 0)
        return {
          consumer_type: typeOf(held_for),
          consumers: sum((row) => row.consumers),
          resources: amountsOf({
            vcpus: sum((row) => row.vcpus),
            memory_mb: sum((row) => row.memory_mb),
            disk_gb: sum((row) => row.disk_gb),
          }),
        }
      })
    },
  }
}

const typeOf = (heldFor: ClaimRow['held_for']): ConsumerType => (heldFor === 'server' ? 'INSTANCE' : 'MIGRATION')

function providerOf(row: ProviderRow, aggregates: readonly Aggregate[]): Provider {
  return {
    uuid: row.uuid,
    name: row.node,
    generation: row.generation,
    updated_at: row.updated_at,
    inventories: inventoriesOf(row),
    traits: traitsOf(row),
    aggregates: aggregates.filter(({ hosts }) => hosts.includes(row.host)).map(({ uuid }) => uuid),
  }
}

const allocationOf = (row: ClaimRow): Allocation => ({
  provider: row.provider,
  provider_generation: row.generation,
  consumer: row.consumer,
  consumer_type: typeOf(row.held_for),
  consumer_generation: row.consumer_generation,
  project_id: row.project_id,
  user_id: row.user_id,
  resources: amountsOf(row),
})

function answers(provider: Provider, query: ProviderQuery): boolean {
  const { name, uuids, memberOf = [], notMemberOf = [], required = [], forbidden = [], resources = {} } = query
  const has = (list: readonly string[], wanted: readonly string[]): boolean => wanted.some((each) => list.includes(each))
  return (
    (name === undefined || provider.name === name) &&
    (uuids === undefined || uuids.includes(provider.uuid)) &&
    memberOf.every((any) => has(provider.aggregates, any)) &&
    !has(provider.aggregates, notMemberOf) &&
    required.every((any) => has(provider.traits, any)) &&
    !has(provider.traits, forbidden) &&
    Object.entries(resources).every(([resource, amount]) => hasRoom(provider, resource as ResourceClass, amount))
  )
}

function hasRoom({ inventories }: Provider, resource: ResourceClass, amount: number): boolean {
  const inventory = inventories.get(resource)
  return inventory !== undefined && amount <= inventory.max_unit && inventory.used + amount <= inventory.capacity
}
