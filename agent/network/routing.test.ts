import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import type { HostNetworks, HostPort, HostRule } from '../../src/contracts/index.ts'
import { newId } from '../../src/kernel/index.ts'
import { type LabGuest, labNetwork, labPort, labState, labSubnet, type NetworkHost, startNetworkHost } from '../../test/lab/index.ts'
import { has } from '../../test/support/requirements.ts'

setDefaultTimeout(60_000)

const ANY: HostRule[] = (['ingress', 'egress'] as const).map((direction) => ({
  direction,
  ethertype: 'IPv4',
  protocol: null,
  port_range_min: null,
  port_range_max: null,
  remote_ip_prefix: null,
  remote_group_id: null,
}))

describe.if(has('network'))('guests and the outside', () => {
  let host: NetworkHost
  let world: LabGuest
  const group = newId()
  const router = { id: newId(), external: true, snat: true, routes: [] }
  const [red, blue] = [
    labNetwork({ router_id: router.id }),
    labNetwork({ router_id: router.id, subnets: [labSubnet('10.1.0.0/24', '10.1.0.1')] }),
  ]
  // The same addresses as red, and no router.
  const lonely = labNetwork()
  const secure = { security_groups: [group] }
  const inRed = labPort(red, ['10.0.0.11'], { ...secure, floating_ips: [{ floating_ip: '203.0.113.7', fixed_ip: '10.0.0.11' }] })
  const inBlue = labPort(blue, ['10.1.0.11'], secure)
  const alone = labPort(lonely, ['10.0.0.11'], secure)
  const state = (over: Partial<HostNetworks> = {}): HostNetworks =>
    labState({
      networks: [red, blue, lonely],
      routers: [router],
      ports: [inRed, inBlue, alone],
      security_groups: [{ id: group, rules: ANY }],
      ...over,
    })
  const guests = new Map<HostPort, LabGuest>()
  const guest = (port: HostPort): LabGuest => guests.get(port)!

  beforeAll(async () => {
    host = await startNetworkHost({ public_interface: 'pub0' })
    world = await host.lab.outside('pub0')
    // The machine's own address outside, as an operator has set it; floating addresses are on the same network.
    await host.lab.host('ip', 'address', 'add', '203.0.113.2/24', 'dev', 'pub0')
    await host.lab.host('ip', 'address', 'add', '192.0.2.10/24', 'dev', 'lo')
    await world.address('203.0.113.1/24')
    await host.network.take(state())
    for (const port of [inRed, inBlue, alone]) {
      guests.set(port, await host.plug(port))
      const [subnet] = [red, blue, lonely].find((each) => each.id === port.network_id)!.subnets
      await guest(port).address(`${port.fixed_ips[0]!.ip_address}/24`, subnet!.gateway_ip!)
    }
  })
  afterAll(() => host?.stop())

  test('a guest leaves by the address of its host', async () => {
    expect(await guest(inBlue).reaches('203.0.113.1')).toBe(true)
    await world.start('bash', '-c', `exec busybox nc -ll -p 99 -e ss -Htn state established sport = 99`)
    const seen = await guest(inBlue).run('timeout', '2', 'bash', '-c', 'exec 3<>/dev/tcp/203.0.113.1/99; cat <&3')
    expect(seen).toMatch(/203\.0\.113\.2\]?:/)
    expect(seen).not.toContain('10.1.0.11')
  })

  test('a floating IP leads from the outside to its guest, and the guest is seen as it', async () => {
    expect(await world.reaches('203.0.113.7')).toBe(true)
    expect(await world.run('ip', 'neighbour', 'show', '203.0.113.7')).toContain('lladdr')
    const seen = await guest(inRed).run('timeout', '2', 'bash', '-c', 'exec 3<>/dev/tcp/203.0.113.1/99; cat <&3')
    expect(seen).toMatch(/203\.0\.113\.7\]?:/)
  })

  test('a floating IP obeys the rules of its port', async () => {
    await host.network.take(state({ security_groups: [{ id: group, rules: ANY.filter((rule) => rule.direction === 'egress') }] }))
    expect(await world.reaches('203.0.113.7')).toBe(false)
    await host.network.take(state())
    expect(await world.reaches('203.0.113.7')).toBe(true)
  })

  test('guests reach floating IPs as the outside does, their own among them', async () => {
    expect(await guest(inBlue).reaches('203.0.113.7')).toBe(true)
    expect(await guest(inRed).reaches('203.0.113.7')).toBe(true)
  })

  test('a router joins its networks', async () => {
    expect(await guest(inRed).reaches('10.1.0.11')).toBe(true)
    expect(await guest(inBlue).reaches('10.0.0.11')).toBe(true)
  })

  test('networks with the same addresses know nothing of each other, and without a router nothing leaves', async () => {
    expect(await guest(alone).reaches('10.0.0.1')).toBe(true)
    expect(await guest(alone).reaches('203.0.113.1')).toBe(false)
    expect(await guest(alone).reaches('10.1.0.11')).toBe(false)
  })

  test('guests reach nothing of the machine, and the outside nothing of their networks', async () => {
    for (const port of [inRed, inBlue, alone]) {
      expect(await guest(port).reaches('192.0.2.10')).toBe(false)
      expect(await guest(port).reaches('203.0.113.2')).toBe(false)
    }
    await world.run('ip', 'route', 'add', '10.1.0.0/24', 'via', '203.0.113.2')
    await world.run('ip', 'route', 'add', '169.254.0.0/17', 'via', '203.0.113.2')
    expect(await world.reaches('10.1.0.11')).toBe(false)
  })

  test('a floating IP that is taken away, and a router that leads nowhere, end what they led to', async () => {
    await host.network.take(state({ ports: [{ ...inRed, floating_ips: [] }, inBlue, alone] }))
    expect(await world.reaches('203.0.113.7')).toBe(false)
    expect(await guest(inRed).reaches('203.0.113.1')).toBe(true)
    await host.network.take(state({ routers: [{ ...router, external: false, snat: false }] }))
    expect(await guest(inBlue).reaches('203.0.113.1')).toBe(false)
    expect(await guest(inBlue).reaches('10.0.0.11')).toBe(true)
  })

  test('nothing is left of it on the machine', async () => {
    await host.network.take(state())
    for (const each of guests.values()) await each.unplug()
    await host.network.take(labState({}))
    await host.network.leave()
    expect(await host.lab.leftovers()).toEqual([expect.stringMatching(/^pub0/)])
    expect(await host.lab.host('ip', 'neighbour', 'show', 'proxy')).toBe('')
    expect(await host.lab.host('ip', 'route', 'show')).toBe('203.0.113.0/24 dev pub0 proto kernel scope link src 203.0.113.2 \n')
  })
})
