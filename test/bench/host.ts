/**
 * Measures a compute host with real libvirt and QEMU (emulated processors): `bun run bench:host [--json]`, as root.
 *
 * What the agent adds is measured against the bare calls that libvirt needs for the same guest, in turns within one run,
 * so that whatever slows the machine down slows both.
 */
import { mkdir, readFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { domainXml } from '../../agent/drivers/libvirt/domain-xml.ts'
import { createOverlay } from '../../agent/images/index.ts'
import { startAgent } from '../../agent/index.ts'
import { createLibvirt, UNDEFINE_ALL } from '../../agent/libvirt/index.ts'
import { agentTopic, commandResult, type Instance } from '../../src/contracts/index.ts'
import { newId, systemClock } from '../../src/kernel/index.ts'
import { createMemoryBus } from '../../src/platform/bus/index.ts'
import { quietLog } from '../support/quiet-log.ts'
import { type LibvirtDriverLab, startLibvirtDriverLab } from '../support/libvirt-driver.ts'
import { startQemuCloud } from '../support/qemu-cloud.ts'

const ROUNDS = 15
const GUESTS = 20
const POLL_MS = 20
const GIB = 2 ** 30

type Note = (name: string, value: number, unit: string, target: string) => void

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return performance.now() - began
}

/** One guest after the other, by bare calls and by the agent in turns. */
async function measureAgent(note: Note): Promise<void> {
  const lab = await startLibvirtDriverLab()
  const bus = createMemoryBus({ log: quietLog })
  const { host } = lab.config
  const agent = await startAgent({
    host,
    node_id: newId(),
    driver: lab.driver,
    bus,
    directory: join(lab.host.instancesDir, '..', 'agent'),
    durable: true,
    options: AGENT_OPTIONS,
    clock: systemClock,
    log: quietLog,
  })
  const command = async (server_id: string, body: Record<string, unknown>): Promise<void> => {
    const order = { command_id: newId(), server_id, generation: 1, ...body }
    commandResult.parse(await bus.call(agentTopic(host), order as never, { deadline_s: 60 }))
  }
  const bare = bareLibvirt(lab)
  const times: { bare: number[]; agent: number[] } = { bare: [], agent: [] }
  try {
    for (let round = -1; round < ROUNDS; round++) {
      const instance = lab.instance()
      const whole = await timed(() => command(instance.server_id, { verb: 'spawn', instance }))
      await command(instance.server_id, { verb: 'destroy', generation: 2 })
      const alone = await bare.measure(lab.instance())
      // The first fetches the image and warms everything up.
      if (round < 0) continue
      times.agent.push(whole)
      times.bare.push(alone)
    }
  } finally {
    bare.close()
    await agent.stop()
    await lab.cleanup()
  }
  note('define and start a guest by bare calls', median(times.bare), 'ms', '')
  note('the same by the agent: journal, disk, define, start, answer', median(times.agent), 'ms', '')
  note('what the agent adds', median(times.agent) - median(times.bare), 'ms', '<= 30')
}

const AGENT_OPTIONS = {
  report_interval_s: 10,
  sync_power_state_interval_s: 600,
  max_concurrent_builds: 10,
  inventory: {
    host_ip: '127.0.0.1',
    reserved_vcpus: 0,
    reserved_memory_mb: 0,
    reserved_disk_gb: 0,
    cpu_allocation_ratio: 4,
    ram_allocation_ratio: 1,
    disk_allocation_ratio: 1,
  },
}

/** The calls that there is no way around, for a guest whose disk is there. */
function bareLibvirt(lab: LibvirtDriverLab): { measure(instance: Instance): Promise<number>; close(): void } {
  const libvirt = createLibvirt({ uri: lab.config.libvirt.connection_uri, log: quietLog })
  const base = (): string => [...new Bun.Glob('_base/*').scanSync({ cwd: lab.host.instancesDir, absolute: true })][0]!
  return {
    async measure(instance) {
      const directory = join(lab.host.instancesDir, '..', 'bare', instance.server_id)
      await mkdir(directory, { recursive: true })
      const path = join(directory, 'disk')
      await createOverlay(path, { path: base(), format: 'raw' }, GIB)
      const xml = domainXml(
        instance,
        {
          host: 'bare',
          version: '0',
          virt_type: 'qemu',
          cpu_mode: 'host-model',
          libvirt_version: 9_000_000,
          disk_cache: 'none',
          vnc: lab.config.vnc,
        },
        { disks: [{ path, format: 'qcow2', device: 'disk', target: 'vda' }], nics: [], console_log: join(directory, 'console.log') },
      )
      let dom = { name: '', uuid: instance.server_id, id: -1 }
      const took = await timed(async () => {
        dom = (await libvirt.call('domainDefineXmlFlags', { xml, flags: 0 })).dom
        await libvirt.call('domainCreateWithFlags', { dom, flags: 0 })
      })
      await libvirt.call('domainDestroyFlags', { dom, flags: 0 })
      await libvirt.call('domainUndefineFlags', { dom, flags: UNDEFINE_ALL })
      return took
    },
    close: () => libvirt.close(),
  }
}

/** Twenty guests at once through the API, and what the agent weighs with them. */
async function measureGuests(note: Note): Promise<void> {
  const cloud = await startQemuCloud(1, {
    conductor: '[quota]\ninstances = -1\ncores = -1\nram = -1',
    compute: `cpu_allocation_ratio = ${GUESTS + 1}`,
  })
  try {
    const server = { networks: 'none' }
    const headers = { 'openstack-api-version': 'compute 2.37' }
    const create = async (): Promise<string> => {
      const body = { server: { name: 'bench', imageRef: cloud.image, flavorRef: cloud.flavor, ...server } }
      const answer = await cloud.api.request('POST', '/compute/v2.1/servers', { body, headers })
      return ((await answer.json()) as { server: { id: string } }).server.id
    }
    // The first one has the image fetched.
    await until(cloud, [await create()])
    const ids: string[] = []
    const took = await timed(async () => {
      ids.push(...(await Promise.all(Array.from({ length: GUESTS }, create))))
      await until(cloud, ids)
    })
    note(`${GUESTS} tiny guests, POST to ACTIVE`, took / 1000, 's', '<= 8')
    const status = await readFile(`/proc/${cloud.hosts[0]!.pid()}/status`, 'utf8')
    note(`resident memory of the agent with ${GUESTS + 1} guests`, Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024, 'MiB', '<= 80')
  } finally {
    await cloud.stop()
  }
}

async function until(cloud: Awaited<ReturnType<typeof startQemuCloud>>, ids: readonly string[]): Promise<void> {
  for (const deadline = Date.now() + 120_000; Date.now() < deadline; await Bun.sleep(POLL_MS)) {
    const { servers } = await cloud.api.get<{ servers: { id: string; status: string }[] }>('/compute/v2.1/servers/detail')
    const states = servers.filter(({ id }) => ids.includes(id)).map(({ status }) => status)
    if (states.includes('ERROR')) throw new Error('a guest of the bench failed to start')
    if (states.length === ids.length && states.every((state) => state === 'ACTIVE')) return
  }
  throw new Error('the guests of the bench are not ACTIVE after 120 s')
}

async function main(json: boolean): Promise<void> {
  const figures: { name: string; value: number; unit: string; target: string }[] = []
  const note: Note = (name, value, unit, target) => {
    figures.push({ name, value, unit, target })
    if (!json) console.log(`${name.padEnd(62)} ${value.toFixed(value >= 100 ? 0 : 2).padStart(9)} ${unit.padEnd(5)} ${target}`)
  }
  await measureAgent(note)
  await measureGuests(note)
  const machine = `${cpus().length} cores (${cpus()[0]?.model ?? 'unknown processor'}), Bun ${Bun.version}, emulated guests`
  if (json) console.log(JSON.stringify({ machine, figures }, null, 2))
  else console.log(`\n${machine}`)
}

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } })
await main(values.json)
process.exit(0)
