import { expect, test } from 'bun:test'
import { filtered, fleetOf, requestFor } from '../../../test/support/fleet.ts'
import { diskFilter } from './disk.ts'

test('root, ephemeral and swap disk count together, swap in whole gigabytes', () => {
  const fleet = fleetOf({ disk_gb_used: 87 }, { disk_gb_used: 88 })
  expect(filtered(diskFilter, fleet, requestFor({ root_gb: 6, ephemeral_gb: 5, swap_mb: 1_025 }))).toEqual({
    passed: [1],
    says: 'No valid host was found: 1 of 2 hosts lacks 13 GB disk (best has 12 GB free).',
  })
})
