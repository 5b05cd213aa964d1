import type { Server } from '../../src/cells/index.ts'
import type { CellSql } from '../../src/platform/db/index.ts'

/**
 * Fills a cell with copies of a server, a second apart, written straight into its table: of ten states, a thousand
 * names and a hundred hosts, flavors and images; each hundredth belongs to `others`.
 */
export async function insertManyServers(sql: CellSql, like: Server, count: number, others: string): Promise<void> {
  await sql`
    insert into servers overriding user value
    select server.* from generate_series(1, ${count}::integer) as n, lateral jsonb_populate_record(
      null::servers,
      ${sql.json(like as never)} || jsonb_build_object(
        'id', gen_random_uuid(),
        'project_id', case when n % 100 = 0 then ${others} else ${like.project_id} end,
        'user_id', ${like.user_id} || n % 100,
        'name', 'server-' || n * 7919 % 1000,
        'hostname', 'server-' || n * 7919 % 1000,
        'description', case when n % 3 = 0 then 'number ' || n end,
        'vm_state', (array['active', 'active', 'active', 'active', 'active', 'active', 'active', 'stopped', 'error', 'paused'])[1 + n % 10],
        'task_state', case when n % 50 = 0 then 'rebooting' end,
        'power_state', case when n % 10 = 0 then 4 else 1 end,
        'progress', n % 4 * 25,
        'host', 'host-' || n % 100,
        'node', 'host-' || n % 100,
        'flavor_id', 'flavor-' || n % 100,
        'image_id', (${like.image_id}::uuid)::text,
        'key_name', case when n % 2 = 0 then 'key-' || n % 20 end,
        'availability_zone', case when n % 5 = 0 then 'zone-' || n % 3 end,
        'launch_index', n % 3,
        'config_drive', n % 7 = 0,
        'auto_disk_config', n % 5 <> 0,
        'access_ip_v4', case when n % 9 = 0 then '192.0.2.' || n % 250 end,
        'access_ip_v6', case when n % 11 = 0 then '2001:db8::' || n % 250 end,
        'root_device_name', case when n % 13 = 0 then '/dev/sda' else '/dev/vda' end,
        'locked_by', case when n % 20 = 0 then 'admin' end,
        'created_at', now() - make_interval(secs => n),
        'updated_at', now() - make_interval(secs => n * 7919 % ${count}::integer),
        'launched_at', case when n % 12 = 0 then null else now() - make_interval(secs => n - 5) end
      )
    ) as server`
  await sql`analyze servers`
}
