import { newId } from '../kernel/index.ts'
import type { GlobalDb } from '../platform/db/index.ts'
import type { Logger } from '../platform/log/index.ts'
import { defaultPools, formatAddress, parseCidr } from './addresses.ts'

const CIDR = '10.0.0.0/16'

/**
 * A cloud without a network cannot boot a server that asks for none by name, so the first start makes a shared one,
 * named as devstack's. It is the operator's from then on: changed or deleted, it stays so.
 */
export async function bootstrap(db: GlobalDb, log: Logger): Promise<void> {
  const [done] = await db.sql`select from network_bootstrap`
  if (done) return
  const cidr = parseCidr(CIDR)
  if (!cidr) throw new Error(`${CIDR} is not a network`)
  const gateway = { version: cidr.version, value: cidr.first + 1n }
  const made = await db.transaction(async (tx) => {
    const [first] = await tx`insert into network_bootstrap default values on conflict do nothing returning 1`
    if (!first) return false
    const network = newId()
    await tx`insert into networks (id, name, project_id, shared) values (${network}, 'private', '', true)`
    await tx`
      insert into subnets (id, network_id, name, project_id, cidr, gateway_ip, allocation_pools)
      values (${newId()}, ${network}, 'private-subnet', '', ${CIDR}, ${formatAddress(gateway)},
        ${tx.json(defaultPools(cidr, gateway).map((pool) => ({ ...pool })))})`
    return true
  })
  if (made) log.info(`made the shared network "private" with the addresses ${CIDR}`)
}
