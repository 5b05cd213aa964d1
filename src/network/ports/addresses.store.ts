import type { GlobalSql } from '../../platform/db/index.ts'

export interface SubnetAddress {
  readonly subnet_id: string
  readonly ip_address: string
}

/** Which of `addresses` a port has, whoever's it is. */
export async function takenAddresses(
  sql: GlobalSql,
  addresses: readonly SubnetAddress[],
): Promise<(SubnetAddress & { port_id: string; device_id: string })[]> {
  const wanted = addresses.map(({ subnet_id, ip_address }) => ({ subnet_id, ip_address }))
  return sql`
    select taken.subnet_id, host(taken.ip_address) as ip_address, taken.port_id, ports.device_id
    from jsonb_to_recordset(${sql.json(wanted)}) as wanted (subnet_id uuid, ip_address inet)
    join ip_allocations taken using (subnet_id, ip_address)
    join ports on ports.id = taken.port_id`
}
