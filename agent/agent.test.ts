import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type AgentCommand,
  agentTopic,
  commandResult,
  queryAnswers,
  HOST_EVENTS,
  type HostEvent,
  hostEvent,
} from '../src/contracts/index.ts'
import { newId, Problem, unavailable } from '../src/kernel/index.ts'
import { type Bus, createMemoryBus, type Json } from '../src/platform/bus/index.ts'
import { silentLog } from '../src/platform/log/index.ts'
import { createFakeDriver, type FakeDriver } from './drivers/fake/index.ts'
import { type Agent, type AgentOptions, startAgent, startFakeHosts } from './index.ts'
import { createTestClock, settled, type TestClock } from './test-clock.ts'
import { testInstance } from './test-instance.ts'

const NODE = '11111111-1111-4111-8111-111111111111'
const options: AgentOptions = {
  report_interval_s: 10,
  sync_power_state_interval_s: 600,
  max_concurrent_builds: 10,
  inventory: {
    host_ip: '127.0.0.1',
    reserved_vcpus: 0,
    reserved_memory_mb: 512,
    reserved_disk_gb: 0,
    cpu_allocation_ratio: 4,
    ram_allocation_ratio: 1,
    disk_allocation_ratio: 1,
  },
}

let directory: string
let clock: TestClock
let bus: Bus
let driver: FakeDriver
let events: HostEvent[]
let agents: Agent[]

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'bunova-agent-'))
  clock = createTestClock()
  bus = createMemoryBus({ log: silentLog })
  driver = createFakeDriver({ host: 'one', directory })
  events = []
  agents = []
  // In the order of arrival, as a control plane with one worker would.
  bus.consume(HOST_EVENTS, { group: 'test', concurrency: 1 }, async (message) => {
    events.push(hostEvent.parse(message))
  })
})
afterEach(async () => {
  for (const agent of agents) await agent.stop()
  await bus.close()
  rmSync(directory, { recursive: true })
})

async function start(over: Partial<Parameters<typeof startAgent>[0]> = {}): Promise<Agent> {
  const agent = await startAgent({
    host: 'one',
    node_id: NODE,
    driver,
    bus,
    directory,
    options,
    clock,
    log: silentLog,
    durable: false,
    ...over,
  })
  agents.push(agent)
  await settled()
  return agent
}

const ask = (request: unknown): Promise<Json> => bus.call(agentTopic('one'), request as Json, { deadline_s: 5 })

type Fields = Record<string, unknown>

async function command(verb: AgentCommand['verb'], server_id: string, fields: Fields = {}): Promise<string> {
  const request = { verb, command_id: newId(), server_id, generation: 1, ...fields }
  return commandResult.parse(await ask(request)).power_state
}

const spawn = (server_id: string): Promise<string> =>
  command('spawn', server_id, { instance: testInstance({ server_id }) })

const kinds = (): string[] => events.map(({ event }) => event)
const last = <E extends HostEvent['event']>(kind: E): Extract<HostEvent, { event: E }> =>
  events.findLast(({ event }) => event === kind) as Extract<HostEvent, { event: E }>

describe('commands', () => {
  test('each verb is obeyed over the bus', async () => {
    await start()
    const server = newId()
    expect(await spawn(server)).toBe('running')
    expect(await command('power_off', server, { timeout_s: 0 })).toBe('shutdown')
    expect(await command('power_on', server)).toBe('running')
    expect(await command('reboot', server, { type: 'SOFT' })).toBe('running')
    expect(await command('destroy', server)).toBe('nostate')
    expect(await driver.guests()).toEqual([])
  })

  test('an uptime query is answered by the driver', async () => {
    await start()
    expect(queryAnswers.uptime.parse(await ask({ query: 'uptime' })).uptime).toBe(await driver.uptime())
    await expect(ask({ query: 'downtime' })).rejects.toThrow('agent.request')
  })

  test('a console query gives the log, and its last lines', async () => {
    await start()
    const server = newId()
    await spawn(server)
    const query = { query: 'console_output', server_id: server }
    const all = queryAnswers.console_output.parse(await ask({ ...query, lines: null })).output
    expect(all).toContain('web-1 login:')
    expect(all.split('\n').length).toBeGreaterThan(3)
    expect(queryAnswers.console_output.parse(await ask({ ...query, lines: 1 })).output).toBe('web-1 login: ')
  })

  test('a failure keeps its kind over the bus', async () => {
    await start()
    const failure = (await command('power_on', newId()).catch((error: unknown) => error)) as Problem
    expect(failure).toBeInstanceOf(Problem)
    expect(failure.kind).toBe('not_found')
    const query = ask({ query: 'console_output', server_id: newId(), lines: 5 })
    expect(((await query.catch((error: unknown) => error)) as Problem).kind).toBe('not_found')
  })

  const common = { command_id: newId(), server_id: newId(), generation: 1 }
  test.each<[string, unknown]>([
    ['nothing', null],
    ['a text', 'spawn'],
    ['no verb', common],
    ['an unknown verb', { ...common, verb: 'format' }],
    ['no generation', { ...common, verb: 'destroy', generation: undefined }],
    ['a negative generation', { ...common, verb: 'destroy', generation: -1 }],
    ['a path for an id', { ...common, verb: 'destroy', server_id: '../../../../../../../../../../etc/passwd' }],
    ['an id of the right length only', { ...common, verb: 'destroy', server_id: '-'.repeat(36) }],
    ['no instance', { ...common, verb: 'spawn' }],
    ["another server's instance", { ...common, verb: 'spawn', instance: testInstance() }],
    ['too many lines', { query: 'console_output', server_id: newId(), lines: 1_000_001 }],
  ])('%s is refused as a bad request, without effect', async (_what, request) => {
    await start()
    const failure = (await ask(request).catch((error: unknown) => error)) as Problem
    expect(failure).toBeInstanceOf(Problem)
    expect(failure.kind).toBe('bad_request')
    expect(await driver.guests()).toEqual([])
  })
})

describe('reports', () => {
  test('a host introduces itself with what it has and which guests it runs', async () => {
    await start()
    expect(kinds()).toEqual(['inventory', 'guests'])
    expect(last('inventory')).toMatchObject({
      host: 'one',
      inventory: { node_id: NODE, vcpus: 64, reserved_memory_mb: 512 },
    })
    expect(last('guests').guests).toEqual([])
  })

  test('it beats once per interval, and counts', async () => {
    await start()
    await clock.advance(30_000)
    const beats = events.filter(({ event }) => event === 'heartbeat')
    expect(beats.map((event) => event.event === 'heartbeat' && event.report_count)).toEqual([1, 2, 3])
    expect(beats[1]!.sent_at - beats[0]!.sent_at).toBe(10_000)
  })

  test('it reports its guests now and then, and its inventory when that changed', async () => {
    let memory_mb = 1000
    const inventory = driver.inventory
    driver.inventory = async () => ({ ...(await inventory()), memory_mb })
    await start()
    const server = newId()
    await spawn(server)
    events.length = 0
    await clock.advance(590_000)
    expect(new Set(kinds())).toEqual(new Set(['heartbeat']))
    memory_mb = 2000
    await clock.advance(60_000)
    expect(last('guests').guests).toEqual([{ server_id: server, power_state: 'running' }])
    expect(last('inventory').inventory.memory_mb).toBe(2000)
  })

  test('a power state that changes outside a command is reported once, one that a command left is not', async () => {
    await start()
    const server = newId()
    await spawn(server)
    await command('power_off', server, { timeout_s: 0 })
    await command('power_on', server)
    await settled()
    expect(kinds()).not.toContain('power')

    driver.changePower(server, 'paused')
    driver.changePower(server, 'paused')
    await settled()
    expect(kinds().filter((kind) => kind === 'power')).toHaveLength(1)
    expect(last('power')).toMatchObject({ server_id: server, power_state: 'paused' })

    await command('destroy', server)
    await settled()
    expect(kinds().filter((kind) => kind === 'power')).toHaveLength(1)
  })

  test('after a restart it reports the guests that ran on, as they are now', async () => {
    const stopped = await start()
    const [running, off] = [newId(), newId()]
    await spawn(running)
    await spawn(off)
    await stopped.stop()
    agents = []
    await settled()
    expect(kinds().at(-1)).toBe('goodbye')

    await driver.open()
    driver.changePower(off, 'shutdown')
    await driver.close()
    events.length = 0
    await start()
    expect(kinds()).toEqual(['inventory', 'guests'])
    const guests = new Map(last('guests').guests.map((guest) => [guest.server_id, guest.power_state]))
    expect([...guests].sort()).toEqual([[running, 'running'], [off, 'shutdown']].sort() as [string, 'running'][])
  })

  test('the times of its events rise, even when its clock stands still', async () => {
    await start()
    const server = newId()
    await spawn(server)
    for (const state of ['paused', 'running', 'crashed'] as const) {
      driver.changePower(server, state)
      await settled()
    }
    const times = events.map((event) => event.sent_at)
    expect(times).toHaveLength(5)
    expect(times).toEqual([...new Set(times)].sort((a, b) => a - b))
  })

  test('what it could not send it makes up for when the bus is back', async () => {
    let away = true
    const publish = bus.publish
    const flaky: Bus = {
      ...bus,
      publish: async (topic, message) => {
        if (away) throw unavailable('The bus is away.')
        return publish(topic, message)
      },
    }
    await start({ bus: flaky })
    const server = newId()
    expect(await spawn(server)).toBe('running')
    driver.changePower(server, 'shutdown')
    await clock.advance(30_000)
    expect(events).toEqual([])
    away = false
    await clock.advance(10_000)
    expect(kinds()).toEqual(['heartbeat', 'inventory', 'guests'])
    expect(last('guests').guests).toEqual([{ server_id: server, power_state: 'shutdown' }])
    await clock.advance(10_000)
    expect(kinds()).toEqual(['heartbeat', 'inventory', 'guests', 'heartbeat'])
  })

  test('with its hypervisor away it still beats, and reports in full when that is back', async () => {
    await start()
    await driver.close()
    events.length = 0
    await clock.advance(60_000)
    expect(new Set(kinds())).toEqual(new Set(['heartbeat']))
    await driver.open()
    await clock.advance(10_000)
    expect(kinds().slice(-3)).toEqual(['heartbeat', 'inventory', 'guests'])
  })
})

test('a driver that cannot be opened fails the start, and leaves nobody at the door', async () => {
  driver.open = async () => {
    throw new Error('no hypervisor')
  }
  await expect(start()).rejects.toThrow('no hypervisor')
  await clock.advance(60_000)
  expect(events).toEqual([])
})

describe('simulated hosts', () => {
  test('200 of them are hosts like others: each has its inventory, beats, and obeys', async () => {
    const hosts = await startFakeHosts({ count: 200, directory, bus, options, clock, log: silentLog })
    agents.push(hosts)
    await settled()
    const inventories = events.filter((event) => event.event === 'inventory')
    expect(new Set(inventories.map((event) => event.host)).size).toBe(200)
    expect(new Set(inventories.map((event) => event.event === 'inventory' && event.inventory.node_id)).size).toBe(200)

    events.length = 0
    await clock.advance(10_000)
    expect(kinds().filter((kind) => kind === 'heartbeat')).toHaveLength(200)
    // Spread over the interval: a thousand beats at once would be felt.
    expect(new Set(events.map((event) => event.sent_at)).size).toBeGreaterThan(20)

    const servers = Array.from({ length: 200 }, () => newId())
    const answers = await Promise.all(
      servers.map((server_id, at) =>
        bus.call(
          agentTopic(`fake-${at + 1}`),
          { verb: 'spawn', command_id: newId(), server_id, generation: 1, instance: testInstance({ server_id }) },
          { deadline_s: 5 },
        ),
      ),
    )
    expect(answers).toEqual(servers.map(() => ({ power_state: 'running' })))
    expect(await hosts.drivers.get('fake-7')!.guests()).toEqual([{ server_id: servers[6]!, power_state: 'running' }])
  })

  test('their guests and their journal outlive the process', async () => {
    const make = () => startFakeHosts({ count: 3, directory, bus, options, clock, log: silentLog })
    const before = await make()
    const server_id = newId()
    const instance = testInstance({ server_id })
    const request = { verb: 'spawn', command_id: newId(), server_id, generation: 4, instance }
    await bus.call(agentTopic('fake-2'), request, { deadline_s: 5 })
    await before.stop()

    const after = await make()
    agents.push(after)
    await settled()
    const report = events.findLast((event) => event.event === 'guests' && event.host === 'fake-2')
    expect(report).toMatchObject({ guests: [{ server_id, power_state: 'running' }] })
    const stale = bus.call(
      agentTopic('fake-2'),
      { verb: 'destroy', command_id: newId(), server_id, generation: 3 },
      { deadline_s: 5 },
    )
    expect(((await stale.catch((error: unknown) => error)) as Problem).kind).toBe('conflict')
  })
})
