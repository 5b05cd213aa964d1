import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { HostNetworks, HostRule } from '../../src/contracts/index.ts'
import { newId } from '../../src/kernel/index.ts'
import {
  type LabGuest,
  labNetwork,
  labPort,
  labState,
  labSubnet,
  type NetworkHost,
  startNetworkHost,
} from '../../test/lab/index.ts'
import { has } from '../../test/support/requirements.ts'
import { testInstance } from '../test-instance.ts'
import { bridgeName, tapName } from './names.ts'
import { inNamespace } from './namespace.ts'

setDefaultTimeout(60_000)

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
const [ICMP, TCP, UDP, ICMPV6] = [1, 6, 17, 58]

describe.if(has('network'))('guests on one network', () => {
  let host: NetworkHost
  const net = labNetwork({ subnets: [labSubnet('10.0.0.0/24', '10.0.0.1'), labSubnet('fd00:1::/64', 'fd00:1::1')] })
  const [group, trusted] = [newId(), newId()]
  const a = labPort(net, ['10.0.0.11', 'fd00:1::11'], { security_groups: [group], hostname: 'alpha' })
  const b = labPort(net, ['10.0.0.12', 'fd00:1::12'], {
    security_groups: [group],
    hostname: 'beta',
    allowed_address_pairs: [{ mac_address: 'fa:16:3e:aa:aa:aa', ip_address: '10.0.0.200' }],
  })
  const state = (rules: HostRule[], over: Partial<HostNetworks> = {}): HostNetworks =>
    labState({
      networks: [net],
      ports: [a, b],
      security_groups: [{ id: group, rules: [...EVERYTHING_OUT, ...rules] }],
      ...over,
    })
  const apply = (...rules: HostRule[]): Promise<void> => host.network.take(state(rules))
  let alpha: LabGuest
  let beta: LabGuest

  beforeAll(async () => {
    host = await startNetworkHost()
    await apply()
    alpha = await host.plug(a)
    beta = await host.plug(b)
    for (const [port, name] of [[a, 'alpha'], [b, 'beta']] as const) {
      host.instances.set(port.server_id!, testInstance({ server_id: port.server_id!, name, hostname: name, metadata: { is: name } }))
    }
  })
  afterAll(() => host?.stop())

  test('each gets its own address by DHCP, with router, name server, routes and MTU', async () => {
    expect(await alpha.dhcp()).toMatchObject({
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
    await alpha.address('fd00:1::11/64')
    await beta.address('fd00:1::12/64')
  })

  test('knows others by name', async () => {
    expect(await alpha.run('busybox', 'nslookup', 'beta.novalocal', '10.0.0.1')).toContain('10.0.0.12')
  })

  test('the machine has no address on their network, and they reach nothing of it', async () => {
    expect(await host.lab.host('ip', '-o', 'address', 'show', 'dev', bridgeName(net.id))).toBe('')
    expect(await host.lab.host('ip', 'route', 'show')).toBe('')
  })

  test('others reach a guest only as its rules say, in both versions of IP', async () => {
    await apply()
    expect(await alpha.reaches('10.0.0.1')).toBe(true)
    expect(await alpha.reaches('10.0.0.12')).toBe(false)
    expect(await alpha.reaches('fd00:1::12')).toBe(false)
    await apply(rule({ protocol: ICMP }), rule({ ethertype: 'IPv6', protocol: ICMPV6 }))
    expect(await alpha.reaches('10.0.0.12')).toBe(true)
    expect(await alpha.reaches('fd00:1::12')).toBe(true)
    await apply(rule({ protocol: ICMP, remote_ip_prefix: '10.0.0.13/32' }))
    expect(await alpha.reaches('10.0.0.12')).toBe(false)
  })

  test('a rule may name ports, and a group whose members change', async () => {
    await listening(beta, 80)
    await listening(beta, 81)
    await apply(rule({ protocol: TCP, port_range_min: 79, port_range_max: 80 }))
    expect(await connects(alpha, '10.0.0.12', 80)).toBe(true)
    expect(await connects(alpha, '10.0.0.12', 81)).toBe(false)
    const rules = [rule({ protocol: TCP, remote_group_id: trusted })]
    await host.network.take(state(rules, { remote_groups: [{ id: trusted, addresses: [] }] }))
    expect(await connects(alpha, '10.0.0.12', 81)).toBe(false)
    await host.network.take(state(rules, { remote_groups: [{ id: trusted, addresses: ['10.0.0.8/30', '10.0.0.11', 'fd00:1::11'] }] }))
    expect(await connects(alpha, '10.0.0.12', 81)).toBe(true)
  })

  test('a guest may send only what its rules for sending allow, and answers always pass', async () => {
    const only = (...rules: HostRule[]): Promise<void> =>
      host.network.take(labState({ networks: [net], ports: [a, b], security_groups: [{ id: group, rules }] }))
    await only(rule({ protocol: ICMP }), rule({ direction: 'egress', protocol: ICMP }))
    expect(await alpha.reaches('10.0.0.12')).toBe(true)
    await only(rule({ protocol: ICMP }), rule({ direction: 'egress', protocol: UDP }))
    expect(await alpha.reaches('10.0.0.12')).toBe(false)
  })

  test('a rule that is taken away ends what it had let through, within 2 seconds', async () => {
    await apply(rule({ protocol: ICMP }))
    const pinging = beginPing(alpha, '10.0.0.12')
    await pinging.answered(3)
    const began = performance.now()
    await apply()
    expect(performance.now() - began).toBeLessThan(2000)
    const heard = pinging.count()
    await Bun.sleep(600)
    expect(pinging.count()).toBeLessThanOrEqual(heard + 1)
    await apply(rule({ protocol: ICMP }))
    await pinging.answered(heard + 3)
    await pinging.stop()
  })

  test('a guest cannot send from an address, nor a MAC address, that is not its own', async () => {
    await apply(rule({}), rule({ ethertype: 'IPv6' }))
    expect(await alpha.reaches('10.0.0.12')).toBe(true)
    await alpha.address('10.0.0.99/24')
    expect((await alpha.try('ping', '-c1', '-W1', '-I', '10.0.0.99', '10.0.0.12')).exitCode).not.toBe(0)
    await alpha.run('ip', 'address', 'delete', '10.0.0.99/24', 'dev', 'eth0')
    await alpha.address('fd00:1::99/64')
    expect((await alpha.try('ping', '-c1', '-W1', '-I', 'fd00:1::99', 'fd00:1::12')).exitCode).not.toBe(0)
    await alpha.run('ip', 'address', 'delete', 'fd00:1::99/64', 'dev', 'eth0')
    await alpha.run('ip', 'link', 'set', 'eth0', 'address', 'fa:16:3e:ff:ff:ff')
    expect(await alpha.reaches('10.0.0.12')).toBe(false)
    await alpha.run('ip', 'link', 'set', 'eth0', 'address', a.mac_address)
  })

  test('a guest cannot say by ARP that another address is its own', async () => {
    // A gratuitous ARP for beta's address: nobody hears of it.
    await alpha.address('10.0.0.12/24')
    await alpha.try('busybox', 'arping', '-c', '2', '-w', '2', '-U', '-I', 'eth0', '-s', '10.0.0.12', '10.0.0.12')
    await alpha.run('ip', 'address', 'delete', '10.0.0.12/24', 'dev', 'eth0')
    expect(await beta.run('ip', 'neighbour', 'show')).not.toContain(`10.0.0.12 dev eth0 lladdr ${a.mac_address}`)
    expect(await alpha.reaches('10.0.0.12')).toBe(true)
  })

  test('a guest may send from what its port allows beside its own addresses', async () => {
    await beta.run('ip', 'link', 'set', 'eth0', 'address', 'fa:16:3e:aa:aa:aa')
    await beta.address('10.0.0.200/24')
    await alpha.run('ip', 'neighbour', 'flush', 'dev', 'eth0')
    expect((await beta.try('ping', '-c1', '-W2', '-I', '10.0.0.200', '10.0.0.11')).exitCode).toBe(0)
    await beta.run('ip', 'address', 'delete', '10.0.0.200/24', 'dev', 'eth0')
    await beta.run('ip', 'link', 'set', 'eth0', 'address', b.mac_address)
  })

  test('a guest that serves DHCP or advertises itself as a router is not heard', async () => {
    const table = await host.lab.host('nft', 'list', 'chain', 'bridge', await tableOf(host), `from_${tapName(a.id)}`)
    expect(table).toContain('udp sport 67 udp dport 68 drop')
    expect(table).toContain('udp sport 547 udp dport 546 drop')
    expect(table).toMatch(/icmpv6 type \{ nd-router-advert, nd-redirect \} drop/)
    const heard = await hears(beta, 68)
    // From any other port it is ordinary traffic, and these rules let all in.
    for (const port of [67, 1067]) await send(alpha, port, '10.0.0.12', 68)
    expect(await heard.next()).toBe('from 1067')
    heard.close()
  })

  test('a port that is down, and one without any group, pass nothing', async () => {
    await host.network.take(labState({ networks: [net], ports: [a, { ...b, admin_state_up: false }], security_groups: [{ id: group, rules: [...EVERYTHING_OUT, rule({})] }] }))
    expect(await alpha.reaches('10.0.0.12')).toBe(false)
    await host.network.take(labState({ networks: [net], ports: [a, { ...b, security_groups: [] }], security_groups: [{ id: group, rules: [...EVERYTHING_OUT, rule({})] }] }))
    expect(await alpha.reaches('10.0.0.12')).toBe(false)
    await apply(rule({}))
    expect(await alpha.reaches('10.0.0.12')).toBe(true)
  })

  test('a port that is gone passes nothing, though its tap is still there', async () => {
    await host.network.take(labState({ networks: [net], ports: [a], security_groups: [{ id: group, rules: [...EVERYTHING_OUT, rule({})] }] }))
    expect(await alpha.reaches('10.0.0.12')).toBe(false)
    expect(await beta.reaches('10.0.0.1')).toBe(false)
    await apply(rule({}))
    expect(await beta.reaches('10.0.0.1')).toBe(true)
  })

  test('metadata is for whoever the port is of, whatever headers say', async () => {
    const [url, lying] = ['http://169.254.169.254', ['-H', `X-Instance-ID: ${b.server_id}`, '-H', 'X-Forwarded-For: 10.0.0.12']]
    expect(JSON.parse(await alpha.fetch(`${url}/openstack/latest/meta_data.json`, ...lying))).toMatchObject({
      uuid: a.server_id,
      meta: { is: 'alpha' },
    })
    expect(await beta.fetch(`${url}/latest/meta-data/hostname`)).toBe('beta.novalocal')
    expect(JSON.parse(await beta.fetch(`${url}/openstack/latest/vendor_data.json`))).toEqual({ site: 'lab' })
    await expect(alpha.fetch(`${url}/latest/api/token`, '-X', 'PUT')).rejects.toThrow('405')
    await expect(alpha.fetch('http://10.0.0.1/openstack', '--max-time', '1')).rejects.toThrow('timed out')
    const v6 = JSON.parse(await beta.fetch('http://[fe80::a9fe:a9fe%25eth0]/openstack/latest/meta_data.json', '-g'))
    expect(v6.uuid).toBe(b.server_id)
  })

  test('a guest without port security has its own metadata and no other', async () => {
    await host.network.take(state([rule({})], { ports: [{ ...a, port_security_enabled: false }, b] }))
    await alpha.address('10.0.0.99/24')
    expect((await alpha.try('ping', '-c1', '-W1', '-I', '10.0.0.99', '10.0.0.12')).exitCode).toBe(0)
    await alpha.run('ip', 'address', 'delete', '10.0.0.99/24', 'dev', 'eth0')
    const url = 'http://169.254.169.254/latest/meta-data/hostname'
    expect(await alpha.fetch(url)).toBe('alpha.novalocal')
    await alpha.address('10.0.0.12/32')
    await expect(alpha.fetch(url, '--interface', '10.0.0.12', '--max-time', '1')).rejects.toThrow('timed out')
    await alpha.run('ip', 'address', 'delete', '10.0.0.12/32', 'dev', 'eth0')
    await apply(rule({}))
  })

  test('a guest posts its password once', async () => {
    const url = 'http://169.254.169.254/openstack/latest/password'
    expect(await alpha.fetch(url)).toBe('')
    await expect(alpha.fetch(url, '-d', 'x'.repeat(1021))).rejects.toThrow('400')
    await alpha.fetch(url, '-d', 'encrypted')
    expect(await alpha.fetch(url)).toBe('encrypted')
    await expect(alpha.fetch(url, '-d', 'another')).rejects.toThrow('409')
    expect(host.passwords.get(a.server_id!)).toBe('encrypted')
  })

  test('after a restart of the agent everything is as before, and what was damaged is repaired', async () => {
    await apply(rule({ protocol: ICMP }))
    const before = await host.lab.host('ip', '-o', 'link', 'show')
    await host.reopen()
    expect(await host.lab.host('ip', '-o', 'link', 'show')).toBe(before)
    await host.lab.host('nft', 'flush', 'ruleset')
    await host.lab.host('ip', 'link', 'delete', `vgw${net.id.slice(0, 11)}`)
    await host.network.repair()
    expect(await alpha.reaches('10.0.0.12')).toBe(true)
    expect(await alpha.reaches('10.0.0.1')).toBe(true)
    await apply()
    expect(await alpha.reaches('10.0.0.12')).toBe(false)
  })

  test('what others have made is left alone', async () => {
    await host.lab.host('ip', 'link', 'add', 'brqforeign', 'type', 'bridge')
    await host.lab.host('nft', 'add', 'table', 'inet', 'foreign')
    await host.network.repair()
    const foreign = labNetwork()
    await host.lab.host('ip', 'link', 'add', bridgeName(foreign.id), 'type', 'bridge')
    await host.network.take(state([], { networks: [net, foreign] }))
    expect(host.network.problem(foreign.id)).toContain('not made by this host')
    expect(host.network.problem(net.id)).toBeNull()
    await apply()
    const left = await host.lab.leftovers()
    expect(left).toEqual(expect.arrayContaining(['brqforeign', bridgeName(foreign.id), 'table inet foreign']))
    for (const name of ['brqforeign', bridgeName(foreign.id)]) await host.lab.host('ip', 'link', 'delete', name)
    await host.lab.host('nft', 'delete', 'table', 'inet', 'foreign')
  })

  test('an older state than the one that holds changes nothing', async () => {
    const older = state([rule({ protocol: ICMP })])
    await apply()
    await host.network.take(older)
    expect(await alpha.reaches('10.0.0.12')).toBe(false)
  })

  test('an address that another guest gets is given to it, whatever leases say', async () => {
    await alpha.dhcp()
    const heir = labPort(net, ['10.0.0.11', 'fd00:1::11'], { security_groups: [group] })
    await host.network.take(state([], { ports: [b, heir] }))
    const guest = await host.plug(heir)
    expect((await guest.dhcp()).ip).toBe('10.0.0.11')
    await guest.unplug()
  })

  test('nothing is left when the last port is gone', async () => {
    await alpha.unplug()
    await beta.unplug()
    const pid = Number(await Bun.file(join(host.lab.directory, 'networks', net.id, 'pid')).text())
    expect(existsSync(`/proc/${pid}`)).toBe(true)
    await host.network.take(labState({}))
    expect(existsSync(`/proc/${pid}`)).toBe(false)
    expect(existsSync(join(host.lab.directory, 'networks', net.id))).toBe(false)
    await host.network.leave()
    expect(await host.lab.leftovers()).toEqual([])
    expect((await host.lab.host('ip', 'netns', 'list')).split('\n').filter((line) => line.includes(net.id.slice(0, 11)))).toEqual([])
  })
})

async function tableOf(host: NetworkHost): Promise<string> {
  return /table bridge (\S+)/.exec(await host.lab.host('nft', 'list', 'tables'))![1]!
}

/** Takes connections on a port until the guest ends. */
async function listening(guest: LabGuest, port: number): Promise<void> {
  await guest.start('busybox', 'nc', '-ll', '-p', String(port), '-e', 'true')
}

const connects = async (guest: LabGuest, address: string, port: number): Promise<boolean> =>
  (await guest.try('timeout', '1', 'bash', '-c', `exec 3<>/dev/tcp/${address}/${port}`)).exitCode === 0

/** A datagram socket of a guest. */
async function datagrams(guest: LabGuest, port: number, data: (text: string) => void) {
  const { made } = inNamespace(`/run/netns/${guest.namespace}`, () => ({
    made: Bun.udpSocket({ hostname: '0.0.0.0', port, socket: { data: (_, bytes) => data(bytes.toString()) } }),
  }))
  return made
}

async function send(guest: LabGuest, source: number, address: string, port: number): Promise<void> {
  const socket = await datagrams(guest, source, () => {})
  socket.send(`from ${source}`, port, address)
  socket.close()
}

async function hears(guest: LabGuest, port: number) {
  const first = Promise.withResolvers<string>()
  const socket = await datagrams(guest, port, first.resolve)
  return { next: () => first.promise, close: () => socket.close() }
}

/** Pings five times a second, in one process, so that it is one connection. */
function beginPing(guest: LabGuest, address: string) {
  const child = Bun.spawn(['ip', 'netns', 'exec', guest.namespace, 'ping', '-n', '-i', '0.2', address], { stdout: 'pipe' })
  let text = ''
  void (async () => {
    for await (const chunk of child.stdout) text += new TextDecoder().decode(chunk)
  })()
  const count = (): number => text.split('bytes from').length - 1
  return {
    count,
    async answered(times: number) {
      for (const until = Date.now() + 10_000; count() < times; await Bun.sleep(20)) {
        if (Date.now() > until) throw new Error(`only ${count()} of ${times} pings were answered`)
      }
    },
    async stop() {
      child.kill()
      await child.exited
    },
  }
}
