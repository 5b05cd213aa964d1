import { demand, type Flavor } from '../contracts/index.ts'
import type { CellTx } from '../platform/db/index.ts'

/**
 * Takes a server's share of a host, in the caller's transaction. The guard and the write are one statement on one row,
 * so two claims can never both take the last place.
 * @returns the host's name and node, or null when the host has no room left or is gone.
 */
export async function claim(
  tx: CellTx,
  hostId: number,
  flavor: Flavor,
): Promise<{ host: string; node: string } | null> {
  const { vcpus, memory_mb, disk_gb } = demand(flavor)
  const [taken] = await tx<{ host: string; node: string }[]>`
    update hosts set
      vcpus_used = vcpus_used + ${vcpus},
      memory_mb_used = memory_mb_used + ${memory_mb},
      disk_gb_used = disk_gb_used + ${disk_gb},
      running_vms = running_vms + 1,
      updated_at = now(),
      changed_in = pg_current_xact_id()
    where id = ${hostId}
      and vcpus_used + ${vcpus} <= vcpus_capacity
      and memory_mb_used + ${memory_mb} <= memory_mb_capacity
      and disk_gb_used + ${disk_gb} <= disk_gb_capacity
    returning host, node`
  return taken ?? null
}

/** Writes the claim down; apart from `claim` because the server's row, which it refers to, comes in between. */
export async function recordClaim(tx: CellTx, serverId: string, hostId: number, flavor: Flavor): Promise<void> {
  await tx`insert into claims ${tx({ server_id: serverId, host_id: hostId, ...demand(flavor) })}`
}

/**
 * Gives back all that a server holds; returns the hosts that have changed. The second call finds nothing to give.
 * @param failedBuild whether the host is to be remembered as one that failed to build it
 */
export async function releaseClaims(
  tx: CellTx,
  serverId: string,
  { failedBuild = false }: { readonly failedBuild?: boolean } = {},
): Promise<number[]> {
  const hosts = await tx<{ id: number }[]>`
    with gone as (
      delete from claims where server_id = ${serverId} returning host_id, vcpus, memory_mb, disk_gb
    )
    update hosts set
      vcpus_used = vcpus_used - gone.vcpus,
      memory_mb_used = memory_mb_used - gone.memory_mb,
      disk_gb_used = disk_gb_used - gone.disk_gb,
      running_vms = running_vms - 1,
      failed_builds = failed_builds + ${failedBuild ? 1 : 0},
      updated_at = now(),
      changed_in = pg_current_xact_id()
    from gone where hosts.id = gone.host_id
    returning hosts.id`
  return hosts.map((host) => host.id)
}

/** A build succeeded: the failures before it are forgotten. Returns the hosts that the server is on. */
export async function noteBuilt(tx: CellTx, serverId: string): Promise<number[]> {
  await tx`
    update hosts set failed_builds = 0, changed_in = pg_current_xact_id()
    where failed_builds > 0 and id in (select host_id from claims where server_id = ${serverId})`
  const hosts = await tx<{ host_id: number }[]>`select host_id from claims where server_id = ${serverId}`
  return hosts.map((host) => host.host_id)
}
