import type { MovingVerbs } from '../driver.ts'
import { asDriverErrors } from './failure.ts'
import type { Hypervisor } from './hypervisor.ts'
import { migrateIn } from './migrate-in.ts'
import { confirmMigration, migrateOut, type Offerings, revertMigration, withdraw } from './migrate-out.ts'

export type ColdMovingVerbs = Pick<MovingVerbs, 'migrateOut' | 'migrateIn' | 'confirmMigration' | 'revertMigration'>

/**
 * How guests that are off go from one host to another.
 * @param my_ip where other hosts reach this one.
 */
export function movingVerbs(
  ready: () => Hypervisor,
  my_ip: string,
): ColdMovingVerbs & { forget(serverId: string): void; close(): void } {
  const offerings: Offerings = new Map()
  return {
    migrateOut: (serverId, timeout_s) =>
      asDriverErrors('The guest could not be set aside.', () =>
        migrateOut(ready(), offerings, my_ip, serverId, timeout_s),
      ),
    migrateIn: (instance, source, power_on, signal) =>
      asDriverErrors('The guest could not be taken over.', () => migrateIn(ready(), instance, source, power_on, signal)),
    confirmMigration: (serverId) =>
      asDriverErrors('What was set aside could not be removed.', () => confirmMigration(ready(), offerings, serverId)),
    revertMigration: (instance, power_on) =>
      asDriverErrors('The guest could not be put back.', () => revertMigration(ready(), offerings, instance, power_on)),
    forget: (serverId) => withdraw(offerings, serverId),
    close: () => offerings.forEach((_, serverId) => withdraw(offerings, serverId)),
  }
}
