import type { Migration } from '../../../compute/index.ts'
import { naiveTime, naiveTimeOrNull } from '../times.ts'
import { defineView, type Rendering } from '../view.ts'

const LIVE = new Set(['queued', 'preparing', 'running', 'running (post-copy)', 'post-migrating'])

/** Where from and where to, for those who may see hosts. */
const hostsOf = (migration: Migration, mayKnow: boolean) => ({
  source_compute: mayKnow ? migration.source_compute : null,
  source_node: mayKnow ? migration.source_node : null,
  dest_compute: mayKnow ? migration.dest_compute : null,
  dest_node: mayKnow ? migration.dest_node : null,
  dest_host: mayKnow ? migration.dest_host : null,
})

const common = (migration: Migration) => ({
  id: migration.id,
  uuid: migration.uuid,
  status: migration.status,
  user_id: migration.user_id,
  project_id: migration.project_id,
  created_at: naiveTime(migration.created_at),
  updated_at: naiveTimeOrNull(migration.updated_at),
})

/** An entry of the list of all moves. Flavors have no number here, which is what the two `…_type_id` are in Nova. */
export const migrationView = defineView<Migration>('migration', (migration, { links, can }: Rendering) => ({
  ...common(migration),
  ...hostsOf(migration, can('os_compute_api:os-migrations:index:host')),
  instance_uuid: migration.server_id,
  old_instance_type_id: null,
  new_instance_type_id: null,
  migration_type: migration.migration_type,
  links:
    migration.migration_type === 'live-migration' && LIVE.has(migration.status)
      ? links.both(`/servers/${migration.server_id}/migrations/${migration.id}`)
      : undefined,
}))

/** A live migration under way, with what has gone over. */
export const liveMigrationView = defineView<Migration>('migration.live', (migration, { can }) => ({
  ...common(migration),
  ...hostsOf(migration, can('os_compute_api:servers:migrations:index:host')),
  server_uuid: migration.server_id,
  memory_total_bytes: migration.memory_total_bytes,
  memory_processed_bytes: migration.memory_processed_bytes,
  memory_remaining_bytes: migration.memory_remaining_bytes,
  disk_total_bytes: migration.disk_total_bytes,
  disk_processed_bytes: migration.disk_processed_bytes,
  disk_remaining_bytes: migration.disk_remaining_bytes,
}))
