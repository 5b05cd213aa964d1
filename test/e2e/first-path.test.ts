import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import postgres from 'postgres'
import { makeTinyImage } from '../../src/guest-image/index.ts'
import { hostConfig, type LibvirtHost, startLibvirtHost } from '../lab/index.ts'
import { type CloudProcess, startCloudProcess } from '../support/cloud-process.ts'
import { eventually } from '../support/eventually.ts'
import { type OpenStack, openstack } from '../support/openstack.ts'
import { has } from '../support/requirements.ts'

interface Named {
  readonly ID: string
  readonly Name: string
}

/** The whole first path, as a user walks it: the distribution's client, our cloud, real libvirt and QEMU. */
describe.if(has('libvirt', 'openstack'))('python-openstackclient on a cloud with QEMU', () => {
  let host: LibvirtHost
  let cloud: CloudProcess
  let os: OpenStack
  let server: { id: string; name: string }

  beforeAll(async () => {
    host = await startLibvirtHost()
    cloud = await startCloudProcess({
      args: ['--compute-driver', 'libvirt'],
      config: `${hostConfig(host)}host = e2e-host\n`,
    })
    os = openstack(cloud.statePath)
    writeFileSync(join(cloud.statePath, 'tiny.qcow2'), makeTinyImage())
  }, 120_000)
  afterAll(async () => {
    await cloud?.remove()
    await host?.stop()
  }, 60_000)

  const show = () => os.json<Record<string, unknown>>('server', 'show', server.id)

  test('says which driver it took, and when it serves', () => {
    expect(cloud.output()).toContain('compute driver: libvirt')
    expect(cloud.output().trimEnd().split('\n').at(-1)).toMatch(/^ready http:\/\/127\.0\.0\.1:\d+ \(\d+\.\d s\)$/)
  })

  test('token issue, catalog list', async () => {
    const token = await os.json<{ id: string; project_id: string }>('token', 'issue')
    expect(token.id.length).toBeGreaterThan(20)
    const catalog = await os.json<{ Name: string; Type: string }[]>('catalog', 'list')
    expect(catalog.map((entry) => entry.Type).toSorted()).toEqual([
      'compute',
      'identity',
      'image',
      'network',
      'placement',
    ])
  }, 60_000)

  test('image create, image list', async () => {
    const image = await os.json<{ id: string; status: string }>(
      'image', 'create', '--disk-format', 'qcow2', '--container-format', 'bare', '--public',
      '--file', join(cloud.statePath, 'tiny.qcow2'), 'tiny',
    )
    expect((await os.json<{ status: string }>('image', 'show', image.id)).status).toBe('active')
    const images = await os.json<Named[]>('image', 'list')
    expect(images.map((each) => each.Name)).toContain('tiny')
  }, 60_000)

  test('flavor create, list, show, delete', async () => {
    await os.run('flavor', 'create', '--ram', '16', '--disk', '1', '--vcpus', '1', '--property', 'hw:note=x', 'tiny')
    await os.run('flavor', 'create', '--ram', '8', '--disk', '1', '--vcpus', '1', 'unwanted')
    await os.run('flavor', 'delete', 'unwanted')
    const flavors = await os.json<Named[]>('flavor', 'list', '--all')
    expect(flavors.map((each) => each.Name)).toContain('tiny')
    expect(flavors.map((each) => each.Name)).not.toContain('unwanted')
    const flavor = await os.json<{ ram: number; properties: Record<string, string> }>('flavor', 'show', 'tiny')
    expect(flavor.ram).toBe(16)
    expect(flavor.properties).toEqual({ 'hw:note': 'x' })
  }, 60_000)

  test('keypair create, list, delete', async () => {
    expect(await os.run('keypair', 'create', 'mine')).toContain('PRIVATE KEY')
    await os.run('keypair', 'create', 'unwanted')
    await os.run('keypair', 'delete', 'unwanted')
    expect((await os.json<Named[]>('keypair', 'list')).map((each) => each.Name)).toEqual(['mine'])
  }, 60_000)

  test('network list', async () => {
    expect((await os.json<Named[]>('network', 'list')).map((each) => each.Name).toSorted()).toEqual(['private', 'public'])
  }, 60_000)

  test('server create --wait ends ACTIVE with an address, and virsh sees the guest', async () => {
    server = await os.json<{ id: string; name: string }>(
      'server', 'create', '--image', 'tiny', '--flavor', 'tiny', '--key-name', 'mine', '--network', 'private', '--wait', 'first',
    )
    const shown = await show()
    expect(shown.status).toBe('ACTIVE')
    expect(JSON.stringify(shown.addresses)).toMatch(/10\.0\.\d+\.\d+/)
    expect(shown['OS-EXT-SRV-ATTR:host']).toBe('e2e-host')
    expect(await host.virsh('list', '--name')).toContain(String(shown['OS-EXT-SRV-ATTR:instance_name']))
    expect(await host.virsh('domuuid', String(shown['OS-EXT-SRV-ATTR:instance_name']))).toBe(server.id)
  }, 120_000)

  test('server list, with and without --long', async () => {
    expect((await os.json<Named[]>('server', 'list')).map((each) => each.Name)).toEqual(['first'])
    const [long] = await os.json<Record<string, unknown>[]>('server', 'list', '--long')
    expect(long).toMatchObject({ Status: 'ACTIVE', 'Power State': 1, Host: 'e2e-host', 'Image Name': 'tiny' })
  }, 60_000)

  test('console log show has what the guest printed', async () => {
    for (let attempt = 0; ; attempt++) {
      const log = await os.run('console', 'log', 'show', server.id)
      if (log.includes('tiny-guest boot=1')) break
      if (attempt === 10) throw new Error(`the guest never came up:\n${log}`)
    }
  }, 60_000)

  test('server stop, start, reboot', async () => {
    const becomes = async (status: string): Promise<void> => {
      for (let attempt = 0; (await show()).status !== status; attempt++) {
        if (attempt === 20) throw new Error(`the server did not become ${status}: ${JSON.stringify(await show())}`)
      }
    }
    await os.run('server', 'stop', server.id)
    await becomes('SHUTOFF')
    expect(await host.virsh('list', '--name')).toBe('')
    await os.run('server', 'start', server.id)
    await becomes('ACTIVE')
    await os.run('server', 'reboot', '--hard', '--wait', server.id)
    await os.run('server', 'reboot', '--soft', '--wait', server.id)
    expect((await show()).status).toBe('ACTIVE')
    // The guest counts its boots on its disk: the first, the start, the hard and the soft reboot.
    for (let attempt = 0; !(await os.run('console', 'log', 'show', server.id)).includes('boot=4'); attempt++) {
      if (attempt === 10) throw new Error('the guest did not boot for the fourth time')
    }
  }, 180_000)

  test('a guest that stops by itself is seen to be SHUTOFF', async () => {
    const name = String((await show())['OS-EXT-SRV-ATTR:instance_name'])
    await host.virsh('destroy', name)
    for (let attempt = 0; (await show()).status !== 'SHUTOFF'; attempt++) {
      if (attempt === 10) throw new Error('nobody noticed that the guest is gone')
    }
    await os.run('server', 'start', server.id)
  }, 60_000)

  test('server event list has every action, newest first', async () => {
    const events = await os.json<{ Action: string }[]>('server', 'event', 'list', server.id)
    expect(events.map((event) => event.Action)).toEqual(['start', 'reboot', 'reboot', 'start', 'stop', 'create'])
  }, 60_000)

  test('hypervisor list, compute service list, availability zone list, limits show', async () => {
    const hypervisors = await os.json<Record<string, unknown>[]>('hypervisor', 'list')
    expect(hypervisors).toHaveLength(1)
    expect(hypervisors[0]).toMatchObject({ 'Hypervisor Type': 'QEMU', State: 'up' })
    const services = await os.json<{ Binary: string; State: string }[]>('compute', 'service', 'list')
    expect(services.map((each) => `${each.Binary} ${each.State}`).toSorted()).toEqual([
      'nova-compute up', 'nova-conductor up', 'nova-scheduler up',
    ])
    const zones = await os.json<{ 'Zone Name': string; 'Zone Status': string }[]>('availability', 'zone', 'list', '--compute')
    expect(zones).toContainEqual({ 'Zone Name': 'nova', 'Zone Status': 'available' })
    const limits = await os.json<{ Name: string; Value: number }[]>('limits', 'show', '--absolute')
    expect(limits.find((each) => each.Name === 'totalInstancesUsed')?.Value).toBe(1)
  }, 90_000)

  test('no valid host: the fault says how many hosts lack what', async () => {
    await os.run('flavor', 'create', '--ram', '99999999', '--disk', '1', '--vcpus', '1', 'huge')
    await os.run('quota', 'set', '--ram', '-1', 'admin')
    // The client tells of it on standard output, and ends with 0 all the same.
    const asked = ['server', 'create', '--image', 'tiny', '--flavor', 'huge', '--network', 'private', '--wait', 'too-big']
    expect(await os.run(...asked)).toContain('Error creating server')
    const failed = await os.json<{ status: string; fault: { message: string } }>('server', 'show', 'too-big')
    expect(failed.status).toBe('ERROR')
    expect(failed.fault.message).toMatch(/^No valid host was found: 1 of 1 host lacks 99999999 MB RAM \(best has \d+ MB free\)\.$/)
    await os.run('server', 'delete', '--wait', 'too-big')
  }, 120_000)

  test('server delete --wait leaves nothing: no domain, no file, no row', async () => {
    await os.run('server', 'delete', '--wait', server.id)
    expect(await os.json<Named[]>('server', 'list')).toEqual([])
    expect(await host.virsh('list', '--all', '--name')).toBe('')
    await eventually(async () => expect(await host.exec(['ip', '-o', 'link'])).not.toMatch(/brq|tap|vgw/))
    expect(readdirSync(host.instancesDir).filter((name) => /^[0-9a-f]{8}-/.test(name))).toEqual([])
    const socket = join(cloud.statePath, 'postgres/run')
    const sql = postgres({ host: socket, database: 'postgres', username: 'nova', max: 1 })
    try {
      const [rows] = await sql`
        select (select count(*) from cell1.claims)::int as claims,
          (select count(*) from global.ports where device_owner like 'compute:%')::int as ports,
          (select count(*) from global.server_mappings)::int as mappings,
          (select sum(instances + cores + memory_mb) from global.quota_usages)::int as quota,
          (select sum(vcpus_used + memory_mb_used + disk_gb_used) from cell1.hosts)::int as used,
          (select count(*) from global.tasks)::int + (select count(*) from cell1.tasks)::int as tasks`
      expect({ ...rows }).toEqual({ claims: 0, ports: 0, mappings: 0, quota: 0, used: 0, tasks: 0 })
    } finally {
      await sql.end()
    }
  }, 90_000)

  test('ends by SIGTERM with exit code 0', async () => {
    expect(await cloud.stop()).toBe(0)
  }, 30_000)
})
