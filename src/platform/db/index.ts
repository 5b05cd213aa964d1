export {
  type CellDb,
  type CellSql,
  type CellTx,
  type Database,
  type Fragment,
  type GlobalDb,
  type GlobalSql,
  type GlobalTx,
  type Scope,
  type Sql,
  TRANSACTION_ATTEMPTS,
  type TransactionOptions,
  type Tx,
} from './database.ts'
export { asProblem, isConnectionLoss, isForeignKeyViolation, isRetryable, isUniqueViolation } from './errors.ts'
export { ConnectionStringError } from './connection.ts'
export { createSharedReads } from './shared-reads.ts'
export { isPresent, type Presence } from './presence.ts'
export { MigrationError } from './migrate.ts'
export { type DatabaseOptions, type Databases, openDatabases } from './open.ts'
export { EmbeddedPostgresError } from './distribution.ts'
export { type EmbeddedPostgres, type EmbeddedPostgresOptions, startEmbeddedPostgres } from './embedded.ts'
