import type { Inventory } from '../src/contracts/index.ts'
import type { HostInventory } from './drivers/driver.ts'

/** What an operator sets for a host, under Nova's names. */
export interface AgentOptions {
  /** Seconds between heartbeats. */
  readonly report_interval_s: number
  /** Seconds between full reports of the guests' power states; 0 is 60, below 0 is never. */
  readonly sync_power_state_interval_s: number
  /** Spawns at once; 0 is no limit. */
  readonly max_concurrent_builds: number
  /** What the inventory says beyond what the driver finds: address, reserves, ratios. */
  readonly inventory: Omit<Inventory, keyof HostInventory | 'node_id'>
}
