export {
  type ActionPage,
  beginAction,
  findAction,
  finishAction,
  type InstanceAction,
  type InstanceActionEvent,
  listActions,
  type NewAction,
} from './actions.store.ts'
export { findGroupRule, type GroupRule, leaveGroup, lockGroup, mayJoin, membersOnHosts } from './groups.store.ts'
export { CELL0, type Cells, createCells, type Located } from './cells.ts'
export {
  claim,
  claimedHosts,
  type HeldFor,
  lockHosts,
  place,
  recordBuilt,
  recordClaim,
  releaseClaims,
  swapClaims,
} from './claims.store.ts'
export { isUnreachable } from './gather.ts'
export { serverOn, setGuestPassword } from './guest.store.ts'
export { type HostSource, hostSource } from './host-source.ts'
export { INVENTORY_TRAITS } from './host-traits.ts'
export { type Host, listHosts, removeHost, reportInventory, touchHosts } from './hosts.store.ts'
export {
  type ExactFilter,
  type PatternFilter,
  type ServerPage,
  type ServerQuery,
  type StatusCell,
  type TagFilter,
} from './listing.ts'
export { isSortKey, type Order, SORT_KEYS, type SortKey } from './list-order.ts'
export {
  accept,
  cellsOf,
  findAccepted,
  findMapped,
  forget,
  listMapped,
  listMappedHosts,
  type MappedServer,
  type QuotaBounds,
  type QuotaLimits,
  type QuotaUsage,
  quotaUsage,
  reservedLongAgo,
  resizeMapping,
  settleAtOnce,
  settleInCell,
  userUsage,
  withdraw,
} from './mappings.store.ts'
export {
  findMigration,
  insertMigration,
  lastMigration,
  listMigrations,
  liveMigrations,
  type Migration,
  migrationOf,
  type MigrationQuery,
  type MigrationStatus,
  type MigrationType,
  noteMoved,
  updateMigration,
} from './migrations.store.ts'
export { type BuiltFrom, type Fault, type ListedServer, POWER, type RequestedNetwork, type Server, type SystemMetadata, type VmState } from './server.ts'
export { findServer, hostsOfServers, insertServer, placedServers, lockServer, noteReport, noteTaskState, recordPorts, serversOnHost, updateServer } from './servers.store.ts'
export {
  listServices,
  removeService,
  reportServices,
  retireService,
  type Service,
  updateService,
} from './services.store.ts'
