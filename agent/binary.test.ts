import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { agentTopic, commandResult, HOST_EVENTS, type HostEvent, hostEvent } from '../src/contracts/index.ts'
import { newId } from '../src/kernel/index.ts'
import { type Bus, type Json, openBus } from '../src/platform/bus/index.ts'
import { silentLog } from '../src/platform/log/index.ts'
import { eventually } from '../test/support/eventually.ts'
import { startRedis, type TestRedis } from '../test/support/redis.ts'
import { has } from '../test/support/requirements.ts'
import { buildAgent } from './build.ts'
import { testInstance } from './test-instance.ts'

const HOST = 'compute-7'

describe.if(has('redis'))('the compiled agent', () => {
  let directory: string
  let binary: string
  let redis: TestRedis
  let bus: Bus
  let agent: Bun.Subprocess<'ignore', 'ignore', 'pipe'> | undefined
  const events: HostEvent[] = []

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'bunova-agent-binary-'))
    binary = join(directory, 'bunova-agent')
    await buildAgent(binary)
    redis = await startRedis()
    writeFileSync(
      join(directory, 'nova-compute.conf'),
      `[DEFAULT]
       host = ${HOST}
       my_ip = 127.0.0.1
       state_path = ${directory}/state
       transport_url = ${redis.url}
       [libvirt]
       connection_uri = qemu:///system?socket=${directory}/no-libvirt-here
      `.replace(/^ +/gm, ''),
    )
    // The agent must not read either: what is in them would send it elsewhere.
    writeFileSync(join(directory, '.env'), 'OS_DEFAULT__HOST=from-dotenv\n')
    writeFileSync(join(directory, 'bunfig.toml'), 'preload = ["./missing.ts"]\n')
    bus = await openBus({ transport_url: redis.url, log: silentLog })
    const subscription = bus.consume(HOST_EVENTS, { group: 'test', concurrency: 1 }, async (message) => {
      events.push(hostEvent.parse(message))
    })
    await subscription.ready
  }, 60_000)

  afterAll(async () => {
    agent?.kill('SIGKILL')
    await agent?.exited
    await bus?.close()
    await redis?.stop()
    rmSync(directory, { recursive: true })
  }, 60_000)

  function start(...args: string[]): Bun.Subprocess<'ignore', 'ignore', 'pipe'> {
    return Bun.spawn([binary, '--config-file', join(directory, 'nova-compute.conf'), ...args], {
      cwd: directory,
      env: { PATH: process.env.PATH },
      stdin: 'ignore',
      stdout: 'ignore',
      stderr: 'pipe',
    })
  }

  /** Starts the agent on simulated hosts and waits until it has reported itself. */
  async function serve(): Promise<Extract<HostEvent, { event: 'guests' }>> {
    events.length = 0
    agent = start('--compute-driver', 'fake', '--log-dir', join(directory, 'log'))
    return eventually(async () => {
      const report = events.find((event) => event.event === 'guests')
      if (report?.event !== 'guests') throw new Error(`no report; its log: ${readLog()}`)
      return report
    })
  }

  function introduction(): Extract<HostEvent, { event: 'inventory' }> {
    const [first] = events
    if (first?.event !== 'inventory') throw new Error(`the first event is ${JSON.stringify(first)}`)
    return first
  }

  const readLog = (): string => readFileSync(join(directory, 'log', 'nova-compute.log'), 'utf8')

  const ask = (request: unknown): Promise<Json> => bus.call(agentTopic(HOST), request as Json, { deadline_s: 20 })

  test(
    'serves commands over Redis, is the same host with the same guests after a crash, and leaves with a goodbye',
    async () => {
      const server_id = newId()
      const instance = testInstance({ server_id })
      const spawn = { verb: 'spawn', command_id: newId(), server_id, generation: 3, instance }

      expect((await serve()).guests).toEqual([])
      const { inventory } = introduction()
      expect(inventory.hypervisor_hostname).toBe(HOST)
      expect(commandResult.parse(await ask(spawn))).toEqual({ power_state: 'running' })

      agent!.kill('SIGKILL')
      await agent!.exited
      expect((await serve()).guests).toEqual([{ server_id, power_state: 'running' }])
      expect(introduction().inventory.node_id).toBe(inventory.node_id)
      expect(commandResult.parse(await ask(spawn))).toEqual({ power_state: 'running' })
      const stale = ask({ verb: 'destroy', command_id: newId(), server_id, generation: 2 })
      await expect(stale).rejects.toThrow('overtaken')

      agent!.kill('SIGTERM')
      expect(await agent!.exited).toBe(0)
      await eventually(async () => expect(events.at(-1)).toMatchObject({ event: 'goodbye', host: HOST }))
      expect(readLog()).toContain(`${HOST} is in service`)
    },
    60_000,
  )

  test(
    'a second one on the same state path ends with a word about the first',
    async () => {
      await serve()
      const second = start('--compute-driver', 'fake')
      expect(await second.exited).toBe(1)
      expect(await new Response(second.stderr).text()).toContain(`the agent with process id ${agent!.pid} uses`)
      agent!.kill('SIGTERM')
      expect(await agent!.exited).toBe(0)
    },
    60_000,
  )

  test('waits for a hypervisor that is not there, and still leaves when it is told to', async () => {
    const waiting = start('--compute-driver', 'libvirt')
    const words = waiting.stderr.getReader()
    const decoder = new TextDecoder()
    let said = ''
    while (!said.includes('next try')) {
      const { done, value } = await words.read()
      if (done) throw new Error(`it ended: ${said}`)
      said += decoder.decode(value)
    }
    waiting.kill('SIGTERM')
    expect(await waiting.exited).toBe(0)
  }, 60_000)

  test.each<[string[], number, string]>([
    [['--compute-driver', 'vmware'], 1, 'compute_driver = vmware'],
    [['--config-file', '/nowhere/nova.conf'], 1, '/nowhere/nova.conf'],
    [['--everything'], 2, '--everything'],
  ])('%j ends with exit code %d and names the mistake', async (args, code, word) => {
    const mistaken = start(...args)
    expect(await mistaken.exited).toBe(code)
    expect(await new Response(mistaken.stderr).text()).toContain(word)
  })
})
