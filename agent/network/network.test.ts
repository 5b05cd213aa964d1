import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { HostNetworks, HostRule } from '../../src/contracts/index.ts'
import { newId } from '../../src/kernel/index.ts'
import { silentLog } from '../../src/platform/log/index.ts'
import { type LabGuest, labNetwork, labPort, labState, labSubnet, type NetworkLab, startNetworkLab } from '../../test/lab/index.ts'
import { has } from '../../test/support/requirements.ts'
import { bridgeName, tapName } from './names.ts'
import { type HostNetwork, openHostNetwork } from './network.ts'

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
const EVERYTHING_OUT = [rule({ direction: 'egress' }), rule({ direction: 'egress', ethertype: 'IPv6' })]

describe.if(has('network'))('guests on one network', () => {
  let lab: NetworkLab
  let network: HostNetwork
  const net = labNetwork({ subnets: [labSubnet('10.0.0.0/24', '10.0.0.1'), labSubnet('fd00:1::/64', 'fd00:1::1')] })
  const group = newId()
  const a = labPort(net, ['10.0.0.11', 'fd00:1::11'], { security_groups: [group], hostname: 'alpha' })
  const b = labPort(net, ['10.0.0.12', 'fd00:1::12'], { security_groups: [group], hostname: 'beta' })
  const state = (rules: HostRule[], over: Partial<HostNetworks> = {}): HostNetworks =>
    labState({ networks: [net], ports: [a, b], security_groups: [{ id: group, rules: [...EVERYTHING_OUT, ...rules] }], ...over })
  let alpha: LabGuest
  let beta: LabGuest

  beforeAll(async () => {
    lab = await startNetworkLab()
    network = await openHostNetwork({
      scope: crypto.randomUUID().slice(0, 8),
      namespace: lab.namespace,
      directory: `${lab.directory}/networks`,
      public_interface: null,
      dhcp: { dhcp_domain: 'novalocal', dhcp_lease_time_s: 600 },
      log: silentLog,
    })
    await network.take(state([]))
    for (const port of [a, b]) {
      const guest = await lab.guest(port)
      await lab.host('ip', 'link', 'set', tapName(port.id), 'master', bridgeName(net.id))
      if (port === a) alpha = guest
      else beta = guest
    }
  })
  afterAll(async () => {
    await network?.leave()
    await lab?.remove()
  })

  test('each gets its own address by DHCP, with router, name server, routes and MTU', async () => {
    const given = await alpha.dhcp()
    expect(given).toMatchObject({
      ip: '10.0.0.11',
      mask: '24',
      router: '10.0.0.1',
      dns: '10.0.0.1',
      domain: 'novalocal',
      mtu: '1450',
      serverid: '10.0.0.1',
      staticroutes: '169.254.169.254/32 10.0.0.1 0.0.0.0/0 10.0.0.1',
    })
    expect((await beta.dhcp()).ip).toBe('10.0.0.12')
  })

  test('knows others by name', async () => {
    const answer = await alpha.run('busybox', 'nslookup', 'beta.novalocal', '10.0.0.1')
    expect(answer).toContain('10.0.0.12')
  })

  test('reaches its gateway, and others only as their rules say', async () => {
    expect(await alpha.reaches('10.0.0.1')).toBe(true)
    expect(await alpha.reaches('10.0.0.12')).toBe(false)
    await network.take(state([rule({ protocol: 1 })]))
    expect(await alpha.reaches('10.0.0.12')).toBe(true)
    await network.take(state([rule({ protocol: 1, remote_ip_prefix: '10.0.0.13/32' })]))
    expect(await alpha.reaches('10.0.0.12')).toBe(false)
  })
})
