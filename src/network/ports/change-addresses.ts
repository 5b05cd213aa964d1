import { type GlobalTx, isUniqueViolation } from '../../platform/db/index.ts'
import { randomAddress } from '../addresses.ts'
import { addressInUse, noMoreAddresses } from '../failures.ts'
import type { SubnetAddress } from './addresses.store.ts'
import type { WantedAddress } from './insert.store.ts'
import { addAddress, dropAddresses, freeAddress, type Port } from './ports.store.ts'

/**
 * Makes the addresses of a port those of `wanted`; one that it has already stays.
 * @throws {Problem} conflict for an address that another port has, or when there is none left.
 */
export async function changeAddresses(tx: GlobalTx, port: Port, wanted: readonly WantedAddress[]): Promise<void> {
  const has = (address: SubnetAddress): boolean => port.fixed_ips.some((each) => same(each, address))
  const certain = wanted.filter((each) => 'ip_address' in each)
  const dropped = port.fixed_ips.filter((each) => !certain.some((address) => same(each, address)))
  await dropAddresses(tx, port.id, dropped)
  for (const address of wanted) {
    if ('ip_address' in address && has(address)) continue
    const chosen = 'ip_address' in address ? address : await choose(tx, address.anyOf)
    if (!chosen) throw noMoreAddresses(port.network_id)
    try {
      await addAddress(tx, port.id, chosen)
    } catch (error) {
      if (isUniqueViolation(error, 'ip_allocations_pkey')) throw addressInUse(chosen.ip_address, port.network_id)
      throw error
    }
  }
}

const same = (a: SubnetAddress, b: SubnetAddress): boolean =>
  a.subnet_id === b.subnet_id && a.ip_address === b.ip_address

type Choices = Extract<WantedAddress, { anyOf: unknown }>['anyOf']

async function choose(tx: GlobalTx, anyOf: Choices): Promise<SubnetAddress | undefined> {
  for (const { subnet_id, pool } of anyOf) {
    const ip_address =
      (await freeAddress(tx, subnet_id, { low: randomAddress(pool), high: pool.end })) ??
      (await freeAddress(tx, subnet_id, { low: pool.start, high: pool.end }))
    if (ip_address !== undefined) return { subnet_id, ip_address }
  }
  return undefined
}
