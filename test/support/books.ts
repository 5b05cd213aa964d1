import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openFakeGuests } from '../../agent/drivers/fake/index.ts'
import { type CellDb, openDatabases } from '../../src/platform/db/index.ts'
import { quietLog } from './database.ts'

export interface Connections {
  readonly global: string
  readonly cell1: string
}

/** The connection of the PostgreSQL that a cloud runs in its state path. */
export function embeddedIn(statePath: string): Connections {
  const connection = `postgresql://nova@/postgres?host=${encodeURIComponent(join(statePath, 'postgres/run'))}`
  return { global: connection, cell1: connection }
}

interface ServerRow {
  readonly id: string
  readonly host: string | null
  readonly vm_state: string
  readonly task_state: string | null
}

/**
 * Everything that does not add up in a cloud with nothing under way, a sentence each: tasks and transitional states that
 * are left, sums of claims, quota, mappings, ports and, given the state path of its simulated hosts, guests.
 */
export async function discrepancies({ global, cell1 }: Connections, fakeHosts?: string): Promise<string[]> {
  const databases = await openDatabases({
    global,
    cells: [
      { id: 'cell0', connection: global, schema: 'cell0' },
      { id: 'cell1', connection: cell1, schema: 'cell1' },
    ],
    log: quietLog,
    maxConnections: 2,
  })
  try {
    const { sql } = databases.global
    const cells = [...databases.cells.values()]
    const found: string[] = []
    const servers: ServerRow[] = []
    for (const cell of cells) {
      const rows = await cell.sql<
        ServerRow[]
      >`select id, host, vm_state, task_state from servers where deleted_at is null`
      servers.push(...rows)
      found.push(...(await claimsThatDiffer(cell)))
    }
    for (const db of [databases.global, ...cells]) {
      const tasks = await db.sql<
        { kind: string; subject: string; state: string }[]
      >`select kind, subject, state from tasks`
      found.push(...tasks.map((task) => `${db.id} still has ${task.kind} (${task.state}) of ${task.subject}`))
    }
    for (const server of servers) {
      if (server.task_state) found.push(`${server.id} is ${server.vm_state} and still ${server.task_state}`)
      if (server.vm_state === 'building') found.push(`${server.id} is still building`)
    }

    const ids = servers.map((server) => server.id)
    const mappings = await sql<
      { id: string; cell_id: string | null }[]
    >`select server_id as id, cell_id from server_mappings`
    const mapped = new Set(mappings.map((mapping) => mapping.id))
    for (const { id, cell_id } of mappings) if (!cell_id) found.push(`${id} has no cell yet`)
    for (const id of mapped) if (!ids.includes(id)) found.push(`${id} has a mapping, but no cell has it`)
    for (const id of ids) if (!mapped.has(id)) found.push(`${id} has no mapping`)

    const quotas = await sql<{ project_id: string; counted: string; is: string }[]>`
      select project_id, format('%s %s %s', instances, cores, memory_mb) as counted,
        (select format('%s %s %s', count(*), coalesce(sum(vcpus), 0), coalesce(sum(m.memory_mb), 0))
         from server_mappings m where m.project_id = quota_usages.project_id) as is
      from quota_usages`
    for (const quota of quotas) {
      if (quota.counted !== quota.is)
        found.push(`quota of ${quota.project_id} counts ${quota.counted}, but it is ${quota.is}`)
    }

    const ports = await sql<{ id: string; server: string }[]>`
      select id, device_id as server from ports where device_id <> '' and device_owner like 'compute:%'`
    for (const port of ports) if (!mapped.has(port.server)) found.push(`port ${port.id} is left of ${port.server}`)
    if (fakeHosts) found.push(...guestsThatDiffer(fakeHosts, servers, await hostNames(cells)))
    return found
  } finally {
    await databases.close()
  }
}

async function claimsThatDiffer(cell: CellDb): Promise<string[]> {
  const sums = await cell.sql<{ host: string; used: string; claimed: string }[]>`
    select host, format('%s %s %s %s', running_vms, vcpus_used, memory_mb_used, disk_gb_used) as used,
      (select format('%s %s %s %s', count(*), coalesce(sum(c.vcpus), 0), coalesce(sum(c.memory_mb), 0), coalesce(sum(c.disk_gb), 0))
       from claims c where c.host_id = hosts.id) as claimed
    from hosts`
  const misplaced = await cell.sql<{ id: string; placed: string | null; claimed: string | null }[]>`
    select servers.id, servers.host as placed, hosts.host as claimed
    from servers
      left join claims on claims.server_id = servers.id and (held_for = 'server' or vm_state <> 'resized')
      left join hosts on hosts.id = claims.host_id
    where (servers.deleted_at is null and servers.host is distinct from hosts.host)
      or (servers.deleted_at is not null and hosts.host is not null)`
  return [
    ...sums
      .filter((row) => row.used !== row.claimed)
      .map((row) => `${row.host} counts ${row.used}, claims are ${row.claimed}`),
    ...misplaced.map((row) => `${row.id} is on ${row.placed} and has a claim on ${row.claimed}`),
  ]
}

async function hostNames(cells: readonly CellDb[]): Promise<string[]> {
  const rows = await Promise.all(cells.map((cell) => cell.sql<{ host: string }[]>`select host from hosts`))
  return rows.flat().map((row) => row.host)
}

/** Opened as a copy, for whoever runs the hosts is writing to it. */
function guestsThatDiffer(statePath: string, servers: readonly ServerRow[], hosts: readonly string[]): string[] {
  const copy = mkdtempSync(join(tmpdir(), 'bunova-guests-'))
  try {
    cpSync(join(statePath, 'agent/fake-guests'), join(copy, 'fake-guests'))
    const guests = openFakeGuests(copy)
    const where = new Map(
      hosts.flatMap((host) =>
        [...guests.of(host).values()].filter(({ place }) => place === 'here').map(({ server_id }) => [server_id, host] as const),
      ),
    )
    guests.close()
    const placed = new Map(servers.filter((server) => server.host).map((server) => [server.id, server.host]))
    return [...new Set([...where.keys(), ...placed.keys()])]
      .filter((id) => where.get(id) !== placed.get(id))
      .map((id) => `${id} is placed on ${placed.get(id)}, and its guest is on ${where.get(id)}`)
  } finally {
    rmSync(copy, { recursive: true })
  }
}
