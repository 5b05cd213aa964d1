export { createPlacement } from './placement/placement.ts'
export { isResourceClass, RESOURCE_CLASSES, type Amounts, type Inventory, type ResourceClass } from './placement/classes.ts'
export type { Allocation, ConsumerUse, Placement, Provider, ProviderQuery } from './placement/placement.ts'
export { isCustomTrait, TRAITS } from './placement/traits.ts'
export {
  type InstanceAction,
  type InstanceActionEvent,
  isSortKey,
  type Located,
  type MappedServer,
  type Migration,
  type SortKey,
} from '../cells/index.ts'
export type { Aggregate } from './aggregates/aggregates.store.ts'
export { type Compute, type ComputeOptions, createCompute } from './compute.ts'
export type { ConsoleAddress, Consoles } from './consoles/consoles.ts'
export type { FlavorList } from './flavors/flavors.ts'
export type { FlavorRow, FlavorSortColumn } from './flavors/flavors.store.ts'
export type { HostStatus, HypervisorState, ServiceState, ZoneState } from './hosts/hosts.ts'
export type { NewKeypair } from './keypairs/keypairs.ts'
export type { Keypair } from './keypairs/keypairs.store.ts'
export type { ImageFacts, ImageLookup, NetworkCheck, ProjectLookup, Scheduling, SecurityGroup } from './ports.ts'
export type {
  ImageFilter,
  ImageProxy,
  NetworkProxy,
  Proxies,
  ProxiedFloatingIp,
  ProxiedImage,
  ProxiedNetwork,
  WantedGroupRule,
} from './proxies.ts'
export { QUOTA_RESOURCES, type QuotaResource, type QuotaValues } from './quotas/quotas.ts'
export type { GroupPolicy, ServerGroup } from './server-groups/server-groups.store.ts'
export type { CreateServers } from './servers/create.ts'
export type { RebuildServer } from './servers/rebuild.ts'
export type { ServerDetail, ServerFilter, ServerUpdate } from './servers/servers.ts'
export type { ServerScheduling } from './servers/scheduling.ts'
export { statesOf, statusOf } from './servers/status.ts'
export type { ProjectUsage, ServerUsage } from './usage/usage.ts'
