import { expect, test } from 'bun:test'
import * as fc from 'fast-check'
import type { HostRule } from '../../src/contracts/index.ts'
import { newId } from '../../src/kernel/index.ts'
import { contains, hexAddress, linkLocal, netmask } from './addresses.ts'
import { domainRuleset } from './domain-ruleset.ts'
import { layoutOf } from './layout.ts'
import { bridgeName, namespaceName, tapName } from './names.ts'
import { ruleMatch } from './rules.ts'
import { ruleset } from './ruleset.ts'
import { slots } from './slots.ts'
import { difference } from './lines.ts'

const rule = (over: Partial<HostRule>): HostRule => ({
  direction: 'ingress',
  ethertype: 'IPv4',
  protocol: null,
  port_range_min: null,
  port_range_max: null,
  remote_ip_prefix: null,
  remote_group_id: null,
  ...over,
})

test('a rule in the words of nftables', () => {
  const id = '11111111-2222-4333-8444-555555555555'
  const cases: [Partial<HostRule>, string][] = [
    [{}, 'ether type ip'],
    [{ ethertype: 'IPv6', direction: 'egress', remote_ip_prefix: 'fd00::/64' }, 'ether type ip6 ip6 daddr fd00::/64'],
    [{ protocol: 6, port_range_min: 22, port_range_max: 22 }, 'ether type ip meta l4proto 6 th dport 22'],
    [{ protocol: 17, port_range_min: 1, port_range_max: 9 }, 'ether type ip meta l4proto 17 th dport 1-9'],
    [{ protocol: 1, port_range_min: 8, port_range_max: 0 }, 'ether type ip meta l4proto 1 icmp type 8 icmp code 0'],
    [{ protocol: 1, port_range_min: 8 }, 'ether type ip meta l4proto 1 icmp type 8'],
    [{ ethertype: 'IPv6', protocol: 1, port_range_min: 128 }, 'ether type ip6 meta l4proto 58 icmpv6 type 128'],
    [{ protocol: 112, port_range_min: 1, port_range_max: 2 }, 'ether type ip meta l4proto 112'],
    [{ remote_group_id: id }, `ether type ip ip saddr @group_${id}_4`],
  ]
  for (const [over, match] of cases) expect(ruleMatch(rule(over))).toBe(match)
})

test('names fit into what the kernel takes, and are made of UUIDs only', () => {
  fc.assert(
    fc.property(fc.uuid(), (id) => {
      expect(bridgeName(id)).toMatch(/^brq[0-9a-f-]{11}$/)
      expect(tapName(id).length).toBeLessThanOrEqual(15)
      expect(namespaceName('0123abcd', id)).toMatch(/^[a-z0-9-]+$/)
    }),
  )
  for (const bad of ['', '../../etc', 'x; nft flush ruleset', '11111111-2222-4333-8444-55555555555']) {
    expect(() => tapName(bad)).toThrow()
  }
})

test('slots are never shared, and mostly stay when others come', () => {
  const ids = Array.from({ length: 500 }, () => newId())
  const before = slots(ids, 65_535)
  expect(new Set(before.values()).size).toBe(500)
  const after = slots([...ids, newId()], 65_535)
  expect(ids.filter((id) => before.get(id) !== after.get(id)).length).toBeLessThanOrEqual(2)
  expect(new Set(slots(ids.slice(0, 10), 10).values()).size).toBe(10)
})

test('uplinks have addresses of their own, none of them the metadata service’s', () => {
  const routers = Array.from({ length: 300 }, () => ({ id: newId(), external: true, snat: true, routes: [] }))
  const networks = routers.map(({ id }) => ({ id: newId(), mtu: 1500, subnets: [], router_id: id }))
  const state = { as_of: 1, networks, routers, ports: [], security_groups: [], remote_groups: [] }
  const { domains } = layoutOf(state, { scope: 'x', public_interface: 'eth1' })
  const addresses = domains.flatMap(({ uplink }) => [uplink!.insideAddress, uplink!.outsideAddress])
  expect(new Set(addresses).size).toBe(600)
  expect(addresses.filter((address) => !contains('169.254.0.0/17', address))).toEqual([])
})

test('protocols have numbers, for their names are in a file that a small system lacks', () => {
  const router = { id: newId(), external: true, snat: true, routes: [] }
  const network = { id: newId(), mtu: 1500, subnets: [], router_id: router.id }
  const state = { as_of: 1, networks: [network], routers: [router], ports: [], security_groups: [], remote_groups: [] }
  const layout = layoutOf(state, { scope: 'x', public_interface: 'eth1' })
  const all = [
    ruleset(state, layout, { table: 'bunova', public_interface: 'eth1' }),
    ...layout.domains.map(domainRuleset),
  ].join('')
  const protocols = all.matchAll(/l4proto ({[^}]*}|\S+)/g).map(([, named]) => named!).toArray()
  expect(protocols).not.toEqual([])
  expect(protocols.filter((named) => /[a-z]/.test(named))).toEqual([])
})

test('addresses', () => {
  expect(linkLocal('fa:16:3e:00:00:01')).toBe('fe80::f816:3eff:fe00:1')
  expect(linkLocal('02:00:00:00:00:01')).toBe('fe80::ff:fe00:1')
  expect(hexAddress('fd00::1')).toBe('fd000000000000000000000000000001')
  expect([0, 8, 20, 31, 32].map(netmask)).toEqual(['0.0.0.0', '255.0.0.0', '255.255.240.0', '255.255.255.254', '255.255.255.255'])
  expect(contains('10.0.0.0/20', '10.0.15.255')).toBe(true)
  expect(contains('10.0.0.0/20', '10.0.16.0')).toBe(false)
  expect(contains('fd00::/64', '10.0.0.1')).toBe(false)
  expect(contains('fd00:0:0:1::/64', 'fd00::1:0:0:0:5')).toBe(true)
})

test('a difference is additions in the order they depend on each other, and removals the other way', () => {
  const wanted = ['route default via 1 dev a', 'address 1 dev a', 'device a', 'neighbour 2 lladdr x dev a']
  expect(difference([], wanted).add.map((line) => line.split(' ')[0])).toEqual(['device', 'address', 'route', 'neighbour'])
  expect(difference(wanted, ['device a'])).toEqual({
    add: [],
    remove: ['neighbour 2 lladdr x dev a', 'route default via 1 dev a', 'address 1 dev a'],
  })
  expect(difference(wanted, wanted)).toEqual({ add: [], remove: [] })
})
