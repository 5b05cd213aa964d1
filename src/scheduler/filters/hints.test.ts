import { describe, expect, test } from 'bun:test'
import { filtered, fleetOf, requestFor } from '../../../test/support/fleet.ts'
import { differentHostFilter, sameHostFilter } from './affinity.ts'
import { isolatedHostsFilter } from './isolated-hosts.ts'
import { retryFilter } from './retry.ts'
import { simpleCIDRAffinityFilter } from './simple-cidr-affinity.ts'

const three = fleetOf({ host_ip: '10.0.0.5' }, { host_ip: '10.0.1.5' }, { host_ip: '2001:db8::5' })

test('different_host keeps off the hosts of these servers, and says nothing when they are on none', () => {
  const passed = (hosts?: string[]) =>
    filtered(differentHostFilter, three, requestFor({}, hosts ? { hints: { different_host: hosts } } : {})).passed
  expect(passed(['host-1', 'host-3'])).toEqual([2])
  expect(passed([])).toEqual([1, 2, 3])
  expect(passed()).toEqual([1, 2, 3])
})

test('same_host wants one of the hosts of these servers, and finds none when they are on none', () => {
  const asked = (same_host: string[]) => filtered(sameHostFilter, three, requestFor({}, { hints: { same_host } }))
  expect(asked(['host-1', 'host-3']).passed).toEqual([1, 3])
  expect(asked([]).says).toBe('No valid host was found: 3 of 3 hosts have no server of the hint same_host.')
  expect(filtered(sameHostFilter, three, requestFor()).passed).toEqual([1, 2, 3])
})

describe('SimpleCIDRAffinityFilter', () => {
  const passed = (build_near_host_ip: string, cidr?: string) => {
    const hints = { build_near_host_ip, ...(cidr === undefined ? {} : { cidr }) }
    return filtered(simpleCIDRAffinityFilter, three, requestFor({}, { hints })).passed
  }

  test('takes hosts in the network of the address, a /24 unless it is said', () => {
    expect(passed('10.0.0.99')).toEqual([1])
    expect(passed('10.0.0.99', '/16')).toEqual([1, 2])
    expect(passed('10.0.1.99', '/255.255.255.0')).toEqual([2])
    expect(passed('2001:db8::1', '/64')).toEqual([3])
    expect(passed('10.0.0.1', '/0')).toEqual([1, 2])
  })

  test.each([['10.0.0.1', '/33'], ['nowhere', '/24'], ['10.0.0.1', '/255.0.255.0'], ['10.0.0.1', '/1.2']])(
    'refuses %s%s by name',
    (address, cidr) => {
      expect(() => passed(address, cidr)).toThrow('build_near_host_ip and cidr')
    },
  )
})

test('isolated images and isolated hosts belong together', () => {
  const isolated = { isolated_images: ['secret'], isolated_hosts: ['host-2'] }
  const passed = (image_id: string | null, options: object = {}) =>
    filtered(isolatedHostsFilter, three, requestFor({}, { image_id }), { ...isolated, ...options }).passed
  expect(passed('secret')).toEqual([2])
  expect(passed('other')).toEqual([1, 3])
  expect(passed(null)).toEqual([1, 3])
  expect(passed('other', { restrict_isolated_hosts_to_isolated_images: false })).toEqual([1, 2, 3])
  expect(passed('secret', { isolated_images: [] })).toEqual([1, 3])
  expect(passed('secret', { isolated_images: [], isolated_hosts: [] })).toEqual([1, 2, 3])
})

test('a node that was tried is not tried again, other nodes of its host are', () => {
  const fleet = fleetOf({ host: 'big', node: 'a' }, { host: 'big', node: 'b' }, { host: 'other', node: 'a' })
  const passed = (retry: { host: string; node: string }[]) =>
    filtered(retryFilter, fleet, requestFor({}, { retry })).passed
  expect(passed([{ host: 'big', node: 'a' }])).toEqual([2, 3])
  expect(passed([])).toEqual([1, 2, 3])
})
