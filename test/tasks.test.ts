import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { insertMigration, type MigrationStatus, type MigrationType, type VmState } from '../src/cells/index.ts'
import { Crash, type Probe, type ProbePoint } from '../src/conductor/index.ts'
import { newId, Problem } from '../src/kernel/index.ts'
import { startTestCell, type TestCell } from './support/cell.ts'

interface Operation {
  readonly kind: string
  /** A step that is added must be added here to be tested. */
  readonly steps: readonly string[]
  /** What a server is when it has succeeded. */
  readonly ends: readonly (VmState | 'gone')[]
  readonly input?: object
  /** Whether it is tried until it succeeds. */
  readonly persists?: true
  /** What is done to an active server before, in order. */
  readonly after?: readonly (readonly [kind: string, input?: object, prepare?: Operation['prepare']])[]
  /** Makes ready in the cell what the request would. */
  readonly prepare?: (id: string, requestId: string) => Promise<void>
}

/** The record of a move, as its request writes it. */
function moving(migration_type: MigrationType, status: MigrationStatus, { hostFails = false } = {}) {
  return async (id: string, request_id: string): Promise<void> => {
    const { server } = (await cell.cells.find(id))!
    // What is left of a guest on a host that has failed goes when that is back; here, it is gone with it.
    if (hostFails) await cell.hosts.drivers.get(server.host!)!.destroy(id)
    await cell.cells.get('cell1').transaction((tx) =>
      insertMigration(tx, {
        server_id: id,
        migration_type,
        status,
        source_compute: server.host,
        source_node: server.node,
        old_flavor: server.flavor,
        new_flavor: migration_type === 'resize' ? { ...server.flavor, id: 'larger', vcpus: 2 } : server.flavor,
        power_on: true,
        user_id: 'user',
        project_id: 'project',
        request_id,
      }),
    )
  }
}

function deciding(status: MigrationStatus) {
  return async (id: string): Promise<void> => {
    await cell.cells.get('cell1').sql`
      update migrations set status = ${status} where server_id = ${id} and status = 'finished'`
  }
}

const RESIZE = ['server.resize', { host: null, may_stay: false }, moving('resize', 'pre-migrating')] as const
const SHELVE = { image_id: newId(), power_on: true }
const RESCUE = { image_id: newId(), admin_password: 'secret' }

const TASKS: readonly Operation[] = [
  { kind: 'server.schedule', steps: ['place'], ends: ['active'] },
  { kind: 'server.build', steps: ['network', 'spawn'], ends: ['active'] },
  { kind: 'server.stop', steps: ['command'], ends: ['stopped'] },
  { kind: 'server.start', steps: ['command'], ends: ['active'], after: [['server.stop']] },
  { kind: 'server.reboot', steps: ['command'], ends: ['active'], input: { type: 'HARD' } },
  { kind: 'server.pause', steps: ['command'], ends: ['paused'] },
  { kind: 'server.unpause', steps: ['command'], ends: ['active'], after: [['server.pause']] },
  { kind: 'server.suspend', steps: ['command'], ends: ['suspended'] },
  { kind: 'server.resume', steps: ['command'], ends: ['active'], after: [['server.suspend']] },
  { kind: 'server.change-password', steps: ['command'], ends: ['active', 'error'], input: { admin_password: 'secret' } },
  { kind: 'server.crash-dump', steps: ['command'], ends: ['active'] },
  { kind: 'server.soft-delete', steps: ['command'], ends: ['soft-delete'] },
  { kind: 'server.restore', steps: ['command'], ends: ['active'], after: [['server.soft-delete']] },
  {
    kind: 'server.rebuild',
    steps: ['announce', 'rebuild'],
    ends: ['active'],
    input: { preserve_ephemeral: false, admin_password: 'secret', personality: [], power_on: true },
  },
  {
    kind: 'server.snapshot',
    steps: ['upload', 'rotate'],
    ends: ['active'],
    input: { image_id: newId(), backup: { backup_type: 'daily', keep: 1 } },
  },
  { kind: 'server.rescue', steps: ['rescue'], ends: ['rescued'], input: RESCUE },
  { kind: 'server.unrescue', steps: ['command'], ends: ['active'], after: [['server.rescue', RESCUE]] },
  {
    kind: 'server.resize',
    steps: ['place', 'leave', 'network', 'arrive'],
    ends: ['resized'],
    input: { host: null, may_stay: false },
    prepare: moving('migration', 'pre-migrating'),
  },
  {
    kind: 'server.confirm-resize',
    steps: ['release', 'quota'],
    ends: ['active'],
    after: [RESIZE],
    prepare: deciding('confirming'),
  },
  {
    kind: 'server.revert-resize',
    steps: ['leave', 'network', 'return', 'quota'],
    ends: ['active'],
    after: [RESIZE],
    prepare: deciding('reverting'),
  },
  {
    kind: 'server.attach-interface',
    steps: ['port', 'plug'],
    ends: ['active'],
    input: { request: {}, new_port_id: newId() },
  },
  {
    kind: 'server.detach-interface',
    steps: ['unplug', 'port'],
    ends: ['active'],
    input: { port_id: newId() },
  },
  { kind: 'server.shelve', steps: ['stop', 'upload'], ends: ['shelved'], input: SHELVE },
  {
    kind: 'server.shelve-offload',
    steps: ['destroy', 'network'],
    ends: ['shelved_offloaded'],
    persists: true,
    after: [['server.shelve', SHELVE]],
  },
  {
    kind: 'server.unshelve',
    steps: ['place', 'network', 'start'],
    ends: ['active'],
    input: { host: null },
    after: [['server.shelve', SHELVE], ['server.shelve-offload']],
  },
  {
    kind: 'server.live-migrate',
    steps: ['place', 'prepare', 'migrate', 'finish'],
    ends: ['active'],
    input: { host: null, force: false, storage: 'auto' },
    prepare: moving('live-migration', 'accepted'),
  },
  {
    kind: 'server.evacuate',
    steps: ['place', 'network', 'spawn'],
    ends: ['active'],
    input: { host: null, force: false, admin_password: 'secret', power_on: true },
    prepare: moving('evacuation', 'accepted', { hostFails: true }),
  },
  { kind: 'server.delete', steps: ['destroy', 'network', 'forget'], ends: ['gone'], persists: true },
]

let cell: TestCell
beforeAll(async () => {
  cell = await startTestCell({ hosts: 3 })
})
afterAll(() => cell.stop())

afterEach(async () => {
  await cell.conduct()
  const live = await cell.databases.cells.get('cell1')!.sql<{ id: string }[]>`select id from servers where deleted_at is null`
  const failed = await cell.databases.cells.get('cell0')!.sql<{ id: string }[]>`select id from servers where deleted_at is null`
  for (const { id } of [...live, ...failed]) await cell.remove(id)
  await cell.settled()
  expect(await cell.leftovers()).toEqual([])
})

async function stateOf(id: string): Promise<VmState | 'gone'> {
  const located = await cell.cells.find(id)
  return located?.server.vm_state ?? 'gone'
}

/** Brings a server to where the operation can be asked for, and asks. */
async function ask({ kind, input = {}, after = [], prepare }: Operation, probe: Probe): Promise<string> {
  const building = kind === 'server.schedule' || kind === 'server.build'
  if (building) {
    await cell.conduct(probe)
    return (await cell.create()).id
  }
  const { id } = await cell.create()
  await cell.settled()
  expect(await stateOf(id)).toBe('active')
  for (const [earlier, its = {}, before] of after) {
    await cell.request(earlier, id, its, before && ((requestId) => before(id, requestId)))
    await cell.settled()
  }
  await cell.conduct(probe)
  if (kind === 'server.delete') await cell.remove(id)
  else await cell.request(kind, id, input, prepare && ((requestId) => prepare(id, requestId)))
  return id
}

/** Throws `error` the first `times` times that the run comes to the point. */
function at(point: ProbePoint, error: () => Error, times = 1): { probe: Probe; hit(): number } {
  let hits = 0
  return {
    probe(here) {
      if (here.kind !== point.kind || here.step !== point.step || here.phase !== point.phase) return
      if (hits++ < times) throw error()
    },
    hit: () => hits,
  }
}

/** A crashed conductor is followed by a new life of it, which takes its tasks over. */
async function surviveCrash(hit: () => number): Promise<void> {
  while (hit() === 0) await Bun.sleep(5)
  await cell.conduct()
  await cell.settled()
}

describe('every task', () => {
  for (const operation of TASKS) {
    const { kind, steps, ends } = operation
    for (const step of steps) {
      for (const phase of ['before do', 'after do', 'after save'] as const) {
        test(`${kind} ends well when its conductor dies ${phase.replace(' do', ` doing ${step}`).replace(' save', ` saving ${step}`)}`, async () => {
          const crash = at({ kind, step, phase }, () => new Crash('power failure'))
          const id = await ask(operation, crash.probe)
          await surviveCrash(crash.hit)
          expect(ends as readonly string[]).toContain(await stateOf(id))
          expect(await cell.unbalanced()).toEqual([])
        })
      }

      test(`${kind} leaves nothing half-done when ${step} fails`, async () => {
        const failure = at({ kind, step, phase: 'before do' }, () => new Problem('internal', 'a test made it fail'), 99)
        const id = await ask(operation, failure.probe)
        while (failure.hit() === 0) await Bun.sleep(5)
        if (operation.persists) {
          // It does not give up: it is done as soon as nothing hinders it.
          await cell.conduct()
        }
        await cell.settled()
        const located = await cell.cells.find(id)
        expect(located?.server.task_state ?? null).toBeNull()
        expect(await cell.unbalanced()).toEqual([])
        if (kind === 'server.build' || kind === 'server.schedule') {
          expect(located?.server.vm_state).toBe('error')
          expect(located?.server.fault?.message).toContain('a test made it fail')
        }
      })

      test(`${kind} can undo ${step} twice`, async () => {
        const failure = at({ kind, step, phase: 'after do' }, () => new Problem('internal', 'a test made it fail'), 99)
        const crash = at({ kind, step, phase: 'after undo' }, () => new Crash('power failure'))
        const id = await ask(operation, (point) => {
          failure.probe(point)
          crash.probe(point)
        })
        await surviveCrash(crash.hit)
        const located = await cell.cells.find(id)
        expect(located?.server.task_state ?? null).toBeNull()
        expect(await cell.unbalanced()).toEqual([])
      })
    }
  }
})
