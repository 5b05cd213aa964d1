import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AgentCommand, PowerState } from '../src/contracts/index.ts'
import { newId, Problem, type ProblemKind } from '../src/kernel/index.ts'
import { silentLog } from '../src/platform/log/index.ts'
import { DriverError, type DriverErrorKind } from './drivers/driver.ts'
import { createFakeDriver, type FakeDriver, type FakeFault } from './drivers/fake/index.ts'
import { type Journal, openJournal } from './journal.ts'
import { LANE_LENGTH, LANE_WAIT_S } from './lanes.ts'
import { createRunner, type Runner } from './runner.ts'
import { createTestClock, settled, type TestClock } from './test-clock.ts'
import { testInstance } from './test-instance.ts'

interface Lab {
  runner: Runner
  driver: FakeDriver
  /** Points that the driver passed, as `verb`. */
  did: string[]
  journal: Journal
}

let directory: string
let clock: TestClock
let fault: FakeFault
let results: [string, PowerState][]
let labs: Lab[]

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'bunova-runner-'))
  clock = createTestClock()
  fault = () => {}
  results = []
  labs = []
})
afterEach(async () => {
  for (const { driver, journal } of labs) {
    await driver.close()
    journal.close()
  }
  rmSync(directory, { recursive: true })
})

/** A host as after a start: its journal and its guests are those of the one before. */
async function start({ max_concurrent_builds = 10 } = {}): Promise<Lab> {
  const did: string[] = []
  const driver = createFakeDriver({
    host: 'one',
    directory,
    fault: (point, serverId) => {
      if (!point.startsWith('spawn/')) did.push(point)
      return fault(point, serverId)
    },
  })
  await driver.open()
  const journal = openJournal({ directory, durable: false, log: silentLog })
  const onResult = (serverId: string, state: PowerState): void => void results.push([serverId, state])
  const runner = createRunner({
    driver,
    journal: journal.host('one'),
    max_concurrent_builds,
    clock,
    log: silentLog,
    onResult,
    onProgress: () => {},
  })
  const lab = { runner, driver, did, journal }
  labs.push(lab)
  return lab
}

/** The process dies: nothing is closed or written. */
async function crash(lab: Lab): Promise<void> {
  labs.splice(labs.indexOf(lab), 1)
}

const spawn = (server_id: string, generation = 1): AgentCommand => ({
  verb: 'spawn',
  command_id: newId(),
  server_id,
  generation,
  instance: testInstance({ server_id }),
})
const destroy = (server_id: string, generation = 2): AgentCommand => ({
  verb: 'destroy',
  command_id: newId(),
  server_id,
  generation,
})
const powerOff = (server_id: string, generation = 2): AgentCommand => ({
  verb: 'power_off',
  command_id: newId(),
  server_id,
  generation,
  timeout_s: 0,
})

/** Holds the driver at a point until it is let go. */
function holdAt(where: string): { reached: Promise<void>; release: () => void } {
  const reached = Promise.withResolvers<void>()
  const released = Promise.withResolvers<void>()
  fault = (point) => {
    if (point !== where) return
    reached.resolve()
    return released.promise
  }
  return { reached: reached.promise, release: released.resolve }
}

async function kindOf(work: Promise<unknown>): Promise<ProblemKind | 'none'> {
  return work.then(
    () => 'none' as const,
    (error: unknown) => {
      expect(error).toBeInstanceOf(Problem)
      return (error as Problem).kind
    },
  )
}

describe('a command', () => {
  test('takes effect, tells the state it left, and is noted', async () => {
    const { runner, driver } = await start()
    const server = newId()
    expect(await runner.run(spawn(server))).toEqual({ power_state: 'running' })
    expect(await runner.run(powerOff(server))).toEqual({ power_state: 'shutdown' })
    expect(await driver.powerState(server)).toBe('shutdown')
    expect(await runner.run(destroy(server, 3))).toEqual({ power_state: 'nostate' })
    expect(results).toEqual([
      [server, 'running'],
      [server, 'shutdown'],
      [server, 'nostate'],
    ])
  })

  test('sent again gets the same answer and has no second effect, after a restart too', async () => {
    const first = await start()
    const server = newId()
    const [up, off] = [spawn(server, 1), powerOff(server, 2)]
    await first.runner.run(up)
    await first.runner.run(off)
    expect(await first.runner.run(up)).toEqual({ power_state: 'running' })
    expect(first.did).toEqual(['spawn', 'power_off'])
    await crash(first)

    const second = await start()
    expect(await second.runner.run(up)).toEqual({ power_state: 'running' })
    expect(await second.runner.run(off)).toEqual({ power_state: 'shutdown' })
    expect(second.did).toEqual([])
    expect(await second.driver.powerState(server)).toBe('shutdown')
  })

  test('sent again while it is under way joins it', async () => {
    const { runner, did } = await start()
    const held = holdAt('spawn')
    const command = spawn(newId())
    const answers = Promise.all([runner.run(command), runner.run(structuredClone(command)), runner.run(command)])
    await held.reached
    held.release()
    expect((await answers).map((answer) => answer.power_state)).toEqual(['running', 'running', 'running'])
    expect(did).toEqual(['spawn'])
  })

  test('that was begun when the process died is done again', async () => {
    const first = await start()
    const held = holdAt('spawn/disk')
    const command = spawn(newId())
    void first.runner.run(command)
    await held.reached
    await crash(first)

    fault = () => {}
    const second = await start()
    expect(await second.runner.run(command)).toEqual({ power_state: 'running' })
    expect(second.did).toEqual(['spawn'])
  })

  test('has no effect when the journal cannot be written, but for a destroy, which may make room', async () => {
    const { runner, driver, journal } = await start()
    const server = newId()
    await runner.run(spawn(server, 1))
    journal.close()
    expect(await kindOf(runner.run(powerOff(server, 2)))).toBe('unavailable')
    expect(await driver.powerState(server)).toBe('running')
    expect(await runner.run(destroy(server, 3))).toEqual({ power_state: 'nostate' })
    expect(await kindOf(runner.run(spawn(server, 3)))).toBe('conflict')
    expect(await kindOf(runner.run(spawn(server, 4)))).toBe('unavailable')
    expect(await driver.guests()).toEqual([])
  })
})

describe('a command beside others', () => {
  const about = (server_id: string, generation: number) => ({ command_id: newId(), server_id, generation })
  const target = { connection_uri: 'fake:///system', migrate_uri: 'fake://' }

  test('that is about one under way does not wait for its end, and brings it about', async () => {
    const { runner, driver } = await start()
    const server = newId()
    await runner.run(spawn(server, 1))
    const held = holdAt('live_migrate')
    const moving = kindOf(runner.run({ ...about(server, 3), verb: 'live_migrate', target, storage: 'auto' }))
    await held.reached
    expect(await runner.run({ ...about(server, 3), verb: 'live_abort' })).toEqual({ power_state: 'running' })
    expect(await moving).toBe('internal')
    expect(await driver.powerState(server)).toBe('running')
    held.release()
  })

  test('that waits in its lane is not called off by what it waits for', async () => {
    const { runner } = await start()
    const server = newId()
    await runner.run(spawn(server, 1))
    const held = holdAt('pause')
    const pausing = runner.run({ ...about(server, 3), verb: 'pause' })
    await held.reached
    const suspending = runner.run({ ...about(server, 5), verb: 'suspend' })
    held.release()
    expect((await Promise.all([pausing, suspending])).map(({ power_state }) => power_state)).toEqual(['paused', 'suspended'])
  })

  test('a destroy calls off whatever is done to its server', async () => {
    const { runner, driver } = await start()
    const server = newId()
    await runner.run(spawn(server, 1))
    const held = holdAt('rebuild/disk')
    const instance = testInstance({ server_id: server })
    const rebuilding = kindOf(
      runner.run({ ...about(server, 3), verb: 'rebuild', instance, preserve_ephemeral: false, power_on: true }),
    )
    await held.reached
    expect(await runner.run(destroy(server, 4))).toEqual({ power_state: 'nostate' })
    expect(await rebuilding).toBe('conflict')
    expect(await driver.guests()).toEqual([])
    held.release()
  })
})

test('what the driver or the guest cannot do is refused at once, and not tried again when it is sent again', async () => {
  const { runner, did } = await start()
  const server = newId()
  await runner.run(spawn(server, 1))
  fault = (point) => {
    if (point === 'change_password') throw new DriverError('No agent answers in the guest.', { kind: 'unsupported' })
  }
  const command = { verb: 'change_password', command_id: newId(), server_id: server, generation: 3, admin_password: 'x' } as const
  expect(await kindOf(runner.run(command))).toBe('not_implemented')
  expect(await kindOf(runner.run(command))).toBe('not_implemented')
  expect(did.filter((point) => point === 'change_password')).toHaveLength(1)
})

describe('generations', () => {
  test('a command older than the newest begun is refused, after a crash too', async () => {
    const first = await start()
    const server = newId()
    await first.runner.run(spawn(server, 5))
    expect(await kindOf(first.runner.run(powerOff(server, 4)))).toBe('conflict')
    expect(await kindOf(first.runner.run(destroy(server, 4)))).toBe('conflict')
    const held = holdAt('power_off')
    void first.runner.run(powerOff(server, 9))
    await held.reached
    await crash(first)

    const second = await start()
    expect(await kindOf(second.runner.run(powerOff(server, 8)))).toBe('conflict')
    expect(await second.driver.powerState(server)).toBe('running')
  })

  test('after a destroy no spawn up to its generation brings the guest back; a newer one does', async () => {
    const first = await start()
    const server = newId()
    await first.runner.run(destroy(server, 5))
    expect(await kindOf(first.runner.run(spawn(server, 4)))).toBe('conflict')
    expect(await kindOf(first.runner.run(spawn(server, 5)))).toBe('conflict')
    await crash(first)

    const second = await start()
    expect(await kindOf(second.runner.run(spawn(server, 5)))).toBe('conflict')
    expect(await second.driver.guests()).toEqual([])
    expect(await second.runner.run(spawn(server, 6))).toEqual({ power_state: 'running' })
  })

  test('servers do not fence each other', async () => {
    const { runner } = await start()
    await runner.run(destroy(newId(), 9))
    expect(await runner.run(spawn(newId(), 1))).toEqual({ power_state: 'running' })
  })
})

describe('a destroy', () => {
  test.each(['spawn', 'spawn/image', 'spawn/disk', 'spawn/define', 'spawn/start'])(
    'that comes while a spawn is at %s calls it off, and nothing is left',
    async (point) => {
      const { runner, driver } = await start()
      const held = holdAt(point)
      const server = newId()
      const spawned = kindOf(runner.run(spawn(server, 1)))
      await held.reached
      expect(await runner.run(destroy(server, 2))).toEqual({ power_state: 'nostate' })
      expect(await spawned).toBe('conflict')
      expect(await driver.guests()).toEqual([])
    },
  )

  test('calls off a spawn that waits for its turn to build', async () => {
    const { runner, did } = await start({ max_concurrent_builds: 1 })
    const held = holdAt('spawn')
    const building = runner.run(spawn(newId()))
    await held.reached
    const server = newId()
    const waiting = kindOf(runner.run(spawn(server, 1)))
    expect(await runner.run(destroy(server, 2))).toEqual({ power_state: 'nostate' })
    expect(await waiting).toBe('conflict')
    held.release()
    await building
    expect(did).toEqual(['spawn', 'destroy'])
  })

  test('makes void what waits in the lane with an older generation', async () => {
    const { runner, did } = await start()
    const held = holdAt('spawn')
    const server = newId()
    const spawned = kindOf(runner.run(spawn(server, 1)))
    await held.reached
    const outcomes = [spawned, kindOf(runner.run(powerOff(server, 1))), kindOf(runner.run(destroy(server, 2)))]
    expect(await Promise.all(outcomes)).toEqual(['conflict', 'conflict', 'none'])
    expect(did).toEqual(['spawn', 'destroy'])
  })

  test('older than the spawn neither calls it off nor takes effect', async () => {
    const { runner } = await start()
    const held = holdAt('spawn')
    const server = newId()
    const spawned = runner.run(spawn(server, 3))
    await held.reached
    expect(await kindOf(runner.run(destroy(server, 2)))).toBe('conflict')
    held.release()
    expect(await spawned).toEqual({ power_state: 'running' })
  })
})

test('whatever order, repetition and delay commands suffer, no guest outlives the newest destroy', async () => {
  const server = newId()
  const delivered = fc.array(
    fc.record({
      spawns: fc.boolean(),
      generation: fc.nat(5),
      copies: fc.integer({ min: 1, max: 3 }),
      pause: fc.boolean(),
    }),
    { minLength: 1, maxLength: 8 },
  )
  await fc.assert(
    fc.asyncProperty(delivered, fc.boolean(), async (deliveries, restart) => {
      rmSync(directory, { recursive: true })
      let lab = await start()
      fault = () => settled()
      const done: Promise<unknown>[] = []
      let newestDestroy = -1
      let newestSpawn = -1
      for (const [at, { spawns, generation, copies, pause }] of deliveries.entries()) {
        const command = spawns ? spawn(server, generation) : destroy(server, generation)
        for (let copy = 0; copy < copies; copy++) done.push(lab.runner.run(command).catch(() => {}))
        if (spawns) newestSpawn = Math.max(newestSpawn, generation)
        else newestDestroy = Math.max(newestDestroy, generation)
        if (pause) await settled()
        if (restart && at === deliveries.length >> 1) {
          await Promise.all(done)
          await crash(lab)
          lab = await start()
        }
      }
      await Promise.all(done)
      const expected = newestSpawn > newestDestroy ? 'running' : 'nostate'
      expect(await lab.driver.powerState(server)).toBe(expected)
    }),
    { numRuns: 200 },
  )
})

describe('failures', () => {
  const kinds: [DriverErrorKind, ProblemKind][] = [
    ['failed', 'internal'],
    ['bad_image', 'bad_request'],
    ['not_found', 'not_found'],
  ]
  test.each(kinds)('%s is answered as %s, the same when asked again', async (kind, problem) => {
    const { runner, did } = await start()
    fault = () => {
      throw new DriverError('It broke.', { kind, cause: new Error('/var/lib/nova/instances') })
    }
    const command = spawn(newId())
    const first = await runner.run(command).catch((error: Problem) => error)
    const second = await runner.run(command).catch((error: Problem) => error)
    expect([(first as Problem).kind, (second as Problem).kind]).toEqual([problem, problem])
    expect((second as Problem).message).toBe((first as Problem).message)
    expect((first as Problem).message).not.toContain('/var')
    expect(did).toEqual(['spawn'])
  })

  test('unavailable is no answer for ever: the same command is done when asked again', async () => {
    const { runner, did } = await start()
    fault = () => {
      throw new DriverError('The hypervisor is away.', { kind: 'unavailable' })
    }
    const command = spawn(newId())
    expect(await kindOf(runner.run(command))).toBe('unavailable')
    fault = () => {}
    expect(await runner.run(command)).toEqual({ power_state: 'running' })
    expect(did).toEqual(['spawn', 'spawn'])
  })

  test('what nobody foresaw says nothing of the host', async () => {
    const { runner } = await start()
    fault = () => {
      throw new TypeError('cannot read /etc/shadow')
    }
    const error = (await runner.run(spawn(newId())).catch((thrown: unknown) => thrown)) as Problem
    expect(error).toBeInstanceOf(Problem)
    expect(error.kind).toBe('internal')
    expect(error.message).not.toContain('shadow')
  })
})

describe('bounds', () => {
  test('no more builds run at once than may, and all of them run in the end', async () => {
    const { runner } = await start({ max_concurrent_builds: 3 })
    let now = 0
    let most = 0
    fault = async (point) => {
      if (point !== 'spawn') return
      most = Math.max(most, ++now)
      await settled()
      now--
    }
    const answers = await Promise.all(Array.from({ length: 20 }, () => runner.run(spawn(newId()))))
    expect(answers.map((answer) => answer.power_state)).toEqual(Array.from({ length: 20 }, () => 'running' as const))
    expect(most).toBe(3)
  })

  test('a verb that hangs holds up its own server only, and what waits for it is answered', async () => {
    const { runner } = await start()
    const hung = newId()
    await runner.run(spawn(hung, 1))
    const held = holdAt('power_off')
    void runner.run(powerOff(hung, 2))
    await held.reached
    expect(await runner.run(spawn(newId()))).toEqual({ power_state: 'running' })

    const waiting = kindOf(runner.run(destroy(hung, 3)))
    await settled()
    await clock.advance(LANE_WAIT_S * 1000)
    expect(await waiting).toBe('unavailable')

    held.release()
    expect(await runner.run(destroy(hung, 4))).toEqual({ power_state: 'nostate' })
  })

  test('a lane takes no more than it may hold', async () => {
    const { runner } = await start()
    const server = newId()
    await runner.run(spawn(server, 1))
    const held = holdAt('power_off')
    const waiting = Array.from({ length: LANE_LENGTH }, () => runner.run(powerOff(server, 2)))
    await held.reached
    expect(await kindOf(runner.run(powerOff(server, 2)))).toBe('unavailable')
    held.release()
    await Promise.all(waiting)
  })

  test('a drain lets end what runs, sends away what waits, and takes nothing new', async () => {
    const { runner } = await start({ max_concurrent_builds: 1 })
    const held = holdAt('spawn/disk')
    const building = runner.run(spawn(newId()))
    await held.reached
    const waiting = kindOf(runner.run(spawn(newId())))
    await settled()
    const drained = runner.drain()
    expect(await waiting).toBe('unavailable')
    expect(await kindOf(runner.run(spawn(newId())))).toBe('unavailable')
    held.release()
    expect(await building).toEqual({ power_state: 'running' })
    await drained
  })
})
