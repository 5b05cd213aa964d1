import { expect, test } from 'bun:test'
import { filtered, fleetOf, requestFor } from '../../../test/support/fleet.ts'
import { ioOpsFilter } from './io-ops.ts'
import { numInstancesFilter } from './num-instances.ts'

test('a host takes a server while fewer than max_io_ops_per_host are being built on it', () => {
  const fleet = fleetOf({ io_ops: 7 }, { io_ops: 8 }, { io_ops: 12 })
  expect(filtered(ioOpsFilter, fleet, requestFor())).toEqual({
    passed: [1],
    says: 'No valid host was found: 2 of 3 hosts are busy with 8 or more other servers (the least with 8).',
  })
  expect(filtered(ioOpsFilter, fleet, requestFor(), { max_io_ops_per_host: 9 }).passed).toEqual([1, 2])
})

test('what was decided counts as a server that is being built', () => {
  const fleet = fleetOf({ io_ops: 7 })
  fleet.take(0, { vcpus: 0, memory_mb: 0, disk_gb: 0, servers: 1 })
  expect(filtered(ioOpsFilter, fleet, requestFor()).passed).toEqual([])
})

test('a host takes a server while it has fewer than max_instances_per_host', () => {
  const fleet = fleetOf({ running_vms: 50 }, { running_vms: 70 }, { running_vms: 49 })
  expect(filtered(numInstancesFilter, fleet, requestFor())).toEqual({
    passed: [3],
    says: 'No valid host was found: 2 of 3 hosts have 50 or more servers (the least has 50).',
  })
})
