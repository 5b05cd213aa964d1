import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { run, runOrThrow } from '../../src/system/index.ts'
import { type LibvirtHost, makeLinuxGuest, startLibvirtHost } from '../lab/index.ts'
import { type ApiClient, apiClient } from '../support/api-client.ts'
import { type CloudProcess, startCloudProcess } from '../support/cloud-process.ts'
import { eventually } from '../support/eventually.ts'
import { has } from '../support/requirements.ts'

interface Server {
  readonly status: string
  readonly fault?: { readonly message: string }
  readonly addresses: Record<string, { readonly addr: string; readonly version: number }[]>
}

/** From the request to a Linux guest on QEMU and back: its address, its metadata, its rules, its floating IP. */
describe.if(has('libvirt', 'network'))('a guest with an operating system, on a network', () => {
  let host: LibvirtHost
  let cloud: CloudProcess
  let api: ApiClient
  let server: string
  let flavor: string
  let image: string

  const show = async (): Promise<Server> => (await api.get<{ server: Server }>(`/compute/v2.1/servers/${server}`)).server
  const consoleLog = async (): Promise<string> =>
    (await api.post<{ output: string }>(`/compute/v2.1/servers/${server}/action`, { 'os-getConsoleOutput': {} })).output
  const says = (text: string | RegExp): Promise<string> =>
    eventually(async () => {
      const log = await consoleLog()
      expect(log).toMatch(text)
      return log
    }, 90)
  const address = async (): Promise<string> => (await show()).addresses.private!.find((each) => each.version === 4)!.addr
  /** The namespace that plays the outside. */
  const world = `bunova-world-${process.pid}`
  const onHost = (...command: string[]): Promise<string> => runOrThrow(['nsenter', `--net=${host.network}`, '--', ...command])
  const outside = (...command: string[]): Promise<string> => runOrThrow(['ip', 'netns', 'exec', world, ...command])
  const reachable = (ip: string): Promise<boolean> =>
    outside('ping', '-n', '-c', '1', '-W', '1', ip).then(() => true, () => false)

  beforeAll(async () => {
    const linux = await makeLinuxGuest()
    host = await startLibvirtHost()
    // Beside the host, on its public interface, somebody else.
    await runOrThrow(['ip', 'netns', 'add', world])
    await onHost('ip', 'link', 'add', 'pub0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', world)
    await onHost('ip', 'address', 'add', '203.0.113.2/24', 'dev', 'pub0')
    await onHost('ip', 'link', 'set', 'pub0', 'up')
    await outside('ip', 'address', 'add', '203.0.113.1/24', 'dev', 'eth0')
    await outside('ip', 'link', 'set', 'eth0', 'up')
    cloud = await startCloudProcess({
      args: ['--compute-driver', 'libvirt'],
      config: `[DEFAULT]
instances_path = ${host.instancesDir}
host = network-host
reserved_host_memory_mb = 0
public_interface = pub0
[libvirt]
connection_uri = qemu:///system?socket=${host.socket}
virt_type = qemu
[bunova]
network_namespace = ${host.network}
`,
    })
    api = await apiClient(cloud)
    const kernel_id = await api.upload('kernel', 'raw', await Bun.file(linux.kernel).bytes())
    const ramdisk_id = await api.upload('ramdisk', 'raw', await Bun.file(linux.ramdisk).bytes())
    image = await api.upload('linux', 'raw', new Uint8Array(1024 * 1024), {
      kernel_id,
      ramdisk_id,
      os_command_line: 'console=ttyS0 quiet',
    })
    const wanted = { name: 'linux', vcpus: 1, ram: 128, disk: 1 }
    flavor = (await api.post<{ flavor: { id: string } }>('/compute/v2.1/flavors', { flavor: wanted })).flavor.id
  }, 300_000)
  afterAll(async () => {
    await cloud?.remove()
    await host?.stop()
    await run(['ip', 'netns', 'delete', world])
  }, 60_000)

  test('gets its address by DHCP, and its metadata and user data from the service', async () => {
    const body = {
      name: 'first',
      imageRef: image,
      flavorRef: flavor,
      networks: 'auto',
      metadata: { role: 'web' },
      user_data: Buffer.from('hello from the owner').toString('base64'),
    }
    const headers = { 'openstack-api-version': 'compute 2.37' }
    const created = await api.request('POST', '/compute/v2.1/servers', { body: { server: body }, headers })
    server = ((await created.json()) as { server: { id: string } }).server.id
    await eventually(async () => expect((await show()).status).not.toBe('BUILD'), 120)
    expect(await show()).toMatchObject({ status: 'ACTIVE' })
    const log = await says('guest ready')
    expect(log).toContain(`guest eth0 ${await address()}/16`)
    expect(log).toContain('guest userdata hello from the owner')
    const metadata = JSON.parse(/guest metadata (\{.*\})/.exec(log)![1]!) as Record<string, unknown>
    expect(metadata).toMatchObject({ uuid: server, name: 'first', meta: { role: 'web' }, hostname: 'first.novalocal' })
  }, 240_000)

  test('is reached at its floating IP once a rule lets others in, within 2 seconds, and no longer without it', async () => {
    const { networks } = await api.get<{ networks: { id: string; name: string }[] }>('/network/v2.0/networks')
    const { ports } = await api.get<{ ports: { id: string; security_groups: string[] }[] }>(`/network/v2.0/ports?device_id=${server}`)
    const floating = await api.post<{ floatingip: { id: string; floating_ip_address: string } }>('/network/v2.0/floatingips', {
      floatingip: { floating_network_id: networks.find(({ name }) => name === 'public')!.id, port_id: ports[0]!.id },
    })
    const ip = floating.floatingip.floating_ip_address
    await eventually(async () => expect(await host.exec(['ip', 'neighbour', 'show', 'proxy'])).toContain(ip))
    expect(await reachable(ip)).toBe(false)
    const rule = { security_group_id: ports[0]!.security_groups[0], direction: 'ingress', ethertype: 'IPv4', protocol: 'icmp' }
    const made = await api.post<{ security_group_rule: { id: string } }>('/network/v2.0/security-group-rules', { security_group_rule: rule })
    const began = performance.now()
    await eventually(async () => expect(await reachable(ip)).toBe(true))
    expect(performance.now() - began).toBeLessThan(2000)
    await api.delete(`/network/v2.0/security-group-rules/${made.security_group_rule.id}`)
    await eventually(async () => expect(await reachable(ip)).toBe(false))
    await api.delete(`/network/v2.0/floatingips/${floating.floatingip.id}`)
    await eventually(async () => expect(await host.exec(['ip', 'neighbour', 'show', 'proxy'])).not.toContain(ip))
  }, 120_000)

  test('gets a second card while it runs, and loses it', async () => {
    const attached = await api.post<{ interfaceAttachment: { port_id: string; fixed_ips: { ip_address: string }[] } }>(
      `/compute/v2.1/servers/${server}/os-interface`,
      { interfaceAttachment: {} },
    )
    const { port_id, fixed_ips } = attached.interfaceAttachment
    await says(`guest eth1 ${fixed_ips[0]!.ip_address}/16`)
    await api.delete(`/compute/v2.1/servers/${server}/os-interface/${port_id}`)
    await says('guest eth1 gone')
    await eventually(async () => expect(await host.exec(['ip', '-o', 'link'])).not.toContain(`tap${port_id.slice(0, 11)}`))
  }, 240_000)

  test('is served as before when the control plane and the agent were restarted', async () => {
    cloud = await restarted(cloud)
    api = await apiClient(cloud)
    const links = await host.exec(['ip', '-o', 'link'])
    expect(links).toMatch(/brq[0-9a-f]{8}-/)
    expect(await host.exec(['nft', 'list', 'tables'])).toMatch(/table bridge bunova_/)
    await api.request('PUT', `/compute/v2.1/servers/${server}/metadata/role`, { body: { meta: { role: 'db' } } })
    await api.post(`/compute/v2.1/servers/${server}/action`, { reboot: { type: 'HARD' } })
    await eventually(async () => expect((await consoleLog()).split('guest ready')).toHaveLength(3), 120)
    expect((await consoleLog()).split('guest metadata').at(-1)).toContain('"role":"db"')
  }, 240_000)

  test('leaves nothing when it is deleted', async () => {
    await api.delete(`/compute/v2.1/servers/${server}`)
    await eventually(async () => {
      const links = await host.exec(['ip', '-o', 'link'])
      expect([...links.matchAll(/^\d+: ([^:@]+)/gm)].map(([, name]) => name).toSorted()).toEqual(['lo', 'pub0'])
    })
    expect(await host.exec(['ip', 'neighbour', 'show', 'proxy'])).toBe('')
    expect(await Array.fromAsync(new Bun.Glob('*/dnsmasq.conf').scan(`${cloud.statePath}/networks`))).toEqual([])
  }, 60_000)
})

async function restarted(cloud: CloudProcess): Promise<CloudProcess> {
  await cloud.stop()
  return cloud.restart()
}
