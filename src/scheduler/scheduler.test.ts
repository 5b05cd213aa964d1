import { afterEach, describe, expect, test } from 'bun:test'
import { FILTER_OPTIONS, idleHost, requestFor } from '../../test/support/fleet.ts'
import { type ManualClock, manualClock, settled } from '../../test/support/manual-clock.ts'
import { HOSTS_CHANGED, type PlanRequest, planResult, SCHEDULER_TOPIC } from '../contracts/index.ts'
import { type Bus, createMemoryBus, type Json } from '../platform/bus/index.ts'
import type { Logger } from '../platform/log/index.ts'
import type { HostRow } from '../contracts/index.ts'
import type { CellSource } from './host.ts'
import { PAUSE_BETWEEN_READS_MS } from './replica.ts'
import { createScheduler, type Scheduler, sentence } from './index.ts'

/** A cell's hosts as its database has them, with a count of the reads. */
interface Cell extends CellSource {
  readonly rows: Map<number, HostRow>
  readonly reads: { since: (string | null)[]; hosts: number[][] }
  /** Servers with a claim on a host, by its id. */
  readonly claims: Map<number, string[]>
  /** Awaited at the start of each read. */
  before: () => Promise<void>
  /** Awaited when the rows of a read are taken, before they are handed over. */
  after: () => Promise<void>
}

function cellOf(cellId: string, ...rows: HostRow[]): Cell {
  const cell: Cell = {
    cell_id: cellId,
    rows: new Map(rows.map((row) => [row.id, row])),
    reads: { since: [], hosts: [] },
    claims: new Map(),
    before: async () => {},
    after: async () => {},
    async hostsSince(marker) {
      cell.reads.since.push(marker)
      await cell.before()
      const [hosts, claimed] = [[...cell.rows.values()], new Map(cell.claims)]
      await cell.after()
      return { marker: `read-${cell.reads.since.length}`, hosts, claimed, removed: [] }
    },
    async hosts(ids) {
      cell.reads.hosts.push([...ids])
      await cell.before()
      const [hosts, claimed] = [ids.flatMap((id) => cell.rows.get(id) ?? []), new Map(cell.claims)]
      await cell.after()
      return { hosts, claimed }
    },
  }
  return cell
}

const lines: { level: string; message: string }[] = []
const log = {
  child: () => log,
  ...Object.fromEntries(
    ['debug', 'info', 'warn', 'error'].map((level) => [
      level,
      (...args: unknown[]) => lines.push({ level, message: String(args.at(-1)) }),
    ]),
  ),
} as unknown as Logger

const config = {
  DEFAULT: { service_down_time: 60 },
  filter_scheduler: {
    ...FILTER_OPTIONS,
    enabled_filters: ['AvailabilityZoneFilter', 'ComputeFilter', 'CoreFilter', 'RamFilter', 'DiskFilter'],
    ram_weight_multiplier: 1,
    cpu_weight_multiplier: 1,
    disk_weight_multiplier: 1,
    host_subset_size: 1,
    shuffle_best_same_weighed_hosts: false,
  },
}

let running: { scheduler: Scheduler; bus: Bus }[] = []
afterEach(async () => {
  for (const { scheduler, bus } of running) {
    await scheduler.stop()
    await bus.close()
  }
  running = []
  lines.length = 0
})

async function started(...cells: Cell[]): Promise<{ scheduler: Scheduler; bus: Bus; clock: ManualClock }> {
  const clock = manualClock()
  const bus = createMemoryBus({ log })
  const scheduler = createScheduler({ config, cells, clock, log })
  running.push({ scheduler, bus })
  await scheduler.start(bus)
  return { scheduler, bus, clock }
}

const winner = (scheduler: Scheduler, request: PlanRequest = requestFor()) =>
  scheduler.plan(request).candidates[0]?.host_id

async function changed(bus: Bus, ids: number[], cell_id = 'cell1', tried: string[] = []): Promise<void> {
  await bus.broadcast(HOSTS_CHANGED, { cell_id, host_ids: ids, tried })
  await settled()
}

test('a started scheduler answers on the bus with candidates and an explanation', async () => {
  const { bus } = await started(cellOf('cell1', idleHost(1), idleHost(2, { disabled: true })))
  const request = requestFor({ vcpus: 2 }) as unknown as Json
  const answer = planResult.parse(await bus.call(SCHEDULER_TOPIC, request, { deadline_s: 5 }))
  expect(answer).toEqual({
    candidates: [
      {
        cell_id: 'cell1',
        host_id: 1,
        host: 'host-1',
        node: 'node-1',
        weight: 0,
        weights: { RAMWeigher: 0, CPUWeigher: 0, DiskWeigher: 0 },
      },
    ],
    explanation: { hosts: 2, rejections: [{ filter: 'ComputeFilter', hosts: 1, says: '1 of 2 hosts is disabled' }] },
  })
})

test('a request that does not fit its contract is refused, and the next one answered', async () => {
  const { bus } = await started(cellOf('cell1', idleHost(1)))
  const call = (request: PlanRequest) => bus.call(SCHEDULER_TOPIC, request as unknown as Json, { deadline_s: 5 })
  await expect(call({ ...requestFor(), count: 0 })).rejects.toThrow()
  expect(await call(requestFor())).toMatchObject({ candidates: [{ host_id: 1 }] })
})

test('a scheduler that has read no cell yet answers unavailable, not that there are no hosts', async () => {
  const cell = cellOf('cell1')
  cell.before = () => Promise.reject(new Error('connection refused'))
  const { scheduler, clock } = await started(cell)
  expect(() => scheduler.plan(requestFor())).toThrow('The scheduler has not read the hosts yet.')
  cell.before = async () => {}
  await clock.advance(3_000)
  expect(sentence(scheduler.plan(requestFor()).explanation)).toBe(
    'No valid host was found: there are no compute hosts.',
  )
})

test('without any cell there are no hosts', async () => {
  const { scheduler } = await started()
  expect(scheduler.plan(requestFor())).toEqual({ candidates: [], explanation: { hosts: 0, rejections: [] } })
})

test('an unknown filter stops it from being made', () => {
  const wrong = { ...config, filter_scheduler: { ...config.filter_scheduler, enabled_filters: ['NoFilter'] } }
  expect(() => createScheduler({ config: wrong, cells: [], clock: manualClock(), log })).toThrow('there is no NoFilter')
})

describe('following the cells', () => {
  test('a host is read again when the bus says that it has changed', async () => {
    const cell = cellOf('cell1', idleHost(1))
    const { scheduler, bus } = await started(cell)
    cell.rows.set(1, idleHost(1, { disabled: true }))
    expect(winner(scheduler)).toBe(1)
    await changed(bus, [1])
    expect(winner(scheduler)).toBeUndefined()
    expect(cell.reads).toEqual({ since: [null], hosts: [[1]] })
  })

  test('changes told in one turn are read together, and those told during a read by one more after a pause', async () => {
    const cell = cellOf('cell1', idleHost(1), idleHost(2), idleHost(3))
    const { bus, clock } = await started(cell)
    await Promise.all([changed(bus, [1]), changed(bus, [2, 1])])
    const { promise, resolve } = Promise.withResolvers<void>()
    cell.before = () => promise
    for (const id of [3, 2, 3, 1]) await changed(bus, [id])
    resolve()
    await settled()
    expect(cell.reads.hosts).toEqual([[1, 2], [3]])
    await clock.advance(PAUSE_BETWEEN_READS_MS)
    expect(cell.reads.hosts).toEqual([[1, 2], [3], [2, 3, 1]])
  })

  test('a change nobody told of is found by asking, from the last marker on', async () => {
    const cell = cellOf('cell1', idleHost(1))
    const { scheduler, clock } = await started(cell)
    cell.rows.set(2, idleHost(2, { memory_mb: 9_000 }))
    await clock.advance(3_000)
    await clock.advance(3_000)
    expect(winner(scheduler)).toBe(2)
    expect(cell.reads.since).toEqual([null, 'read-1', 'read-2'])
  })

  test('a host that is gone is no candidate any more', async () => {
    const cell = cellOf('cell1', idleHost(1), idleHost(2))
    const { scheduler, bus } = await started(cell)
    cell.rows.delete(1)
    await changed(bus, [1])
    expect(winner(scheduler)).toBe(2)
    expect(scheduler.hostCount()).toBe(1)
  })

  test('reads of a cell follow each other: an older row never replaces a newer one', async () => {
    const cell = cellOf('cell1', idleHost(1, { disabled: true }))
    const { scheduler, bus, clock } = await started(cell)
    const { promise, resolve } = Promise.withResolvers<void>()
    cell.after = () => promise
    await changed(bus, [1])
    cell.rows.set(1, idleHost(1))
    cell.after = async () => {}
    await changed(bus, [1])
    resolve()
    await settled()
    await clock.advance(PAUSE_BETWEEN_READS_MS)
    expect(winner(scheduler)).toBe(1)
  })

  test('a cell that cannot be read keeps its last state, is told of once, and comes back', async () => {
    const cell = cellOf('cell1', idleHost(1))
    const other = cellOf('cell2', idleHost(1, { host: 'other', memory_mb: 100 }))
    const { scheduler, clock } = await started(cell, other)
    cell.before = () => Promise.reject(new Error('connection refused'))
    await clock.advance(9_000)
    expect(winner(scheduler)).toBe(1)
    expect(scheduler.lag()).toEqual([
      { cell_id: 'cell1', lag_s: 9 },
      { cell_id: 'cell2', lag_s: 0 },
    ])
    cell.before = async () => {}
    await clock.advance(3_000)
    expect(scheduler.lag()[0]).toEqual({ cell_id: 'cell1', lag_s: 0 })
    expect(lines.map(({ level }) => level)).toEqual(['warn', 'info'])
  })

  test('a read without an answer is given up, and what it brings later is not taken', async () => {
    const cell = cellOf('cell1', idleHost(1))
    const { scheduler, clock } = await started(cell)
    const { promise, resolve } = Promise.withResolvers<void>()
    cell.rows.set(1, idleHost(1, { disabled: true }))
    cell.after = () => promise
    await clock.advance(3_000)
    cell.rows.set(1, idleHost(1))
    cell.after = async () => {}
    await clock.advance(10_000)
    resolve()
    await settled()
    expect(winner(scheduler)).toBe(1)
    expect(lines[0]).toMatchObject({ level: 'warn' })
  })

  test('a message that is none, or about a cell that is none, is passed over', async () => {
    const { scheduler, bus } = await started(cellOf('cell1', idleHost(1)))
    await bus.broadcast(HOSTS_CHANGED, { cell_id: 'cell1', host_ids: ['x'] })
    await changed(bus, [1], 'cell9')
    expect(winner(scheduler)).toBe(1)
    expect(lines.map(({ message }) => message)).toEqual(['a message about changed hosts was not understood'])
  })

  test('hosts go down by the passing of time, and decisions see it within a second', async () => {
    const { scheduler, clock } = await started(cellOf('cell1', idleHost(1), idleHost(2, { last_seen_at: 30_000 })))
    await clock.advance(60_000)
    expect(winner(scheduler)).toBe(1)
    await clock.advance(1_000)
    expect(winner(scheduler)).toBe(2)
    await clock.advance(30_000)
    expect(sentence(scheduler.plan(requestFor()).explanation)).toBe('No valid host was found: 2 of 2 hosts are down.')
  })
})

describe('between a decision and its claim', () => {
  const four = () => cellOf('cell1', idleHost(1), idleHost(2), idleHost(3), idleHost(4))

  test('requests at the same time spread over equal hosts', async () => {
    const { scheduler } = await started(four())
    const winners = Array.from({ length: 8 }, () => winner(scheduler))
    expect(winners).toEqual([1, 2, 3, 4, 1, 2, 3, 4])
  })

  const decided = (scheduler: Scheduler, server_id: string) => winner(scheduler, requestFor({}, { server_id }))

  test('a row that has the claim takes the place of the decision', async () => {
    const cell = four()
    const { scheduler, bus } = await started(cell)
    expect(decided(scheduler, 'a')).toBe(1)
    cell.claims.set(1, ['a'])
    cell.rows.set(1, idleHost(1, { vcpus_used: 1, memory_mb_used: 512, disk_gb_used: 1 }))
    await changed(bus, [1])
    expect(['b', 'c', 'd', 'e'].map((id) => decided(scheduler, id))).toEqual([2, 3, 4, 1])
  })

  test('a row without it, read because of another server, does not', async () => {
    const { scheduler, bus } = await started(four())
    expect(decided(scheduler, 'a')).toBe(1)
    await changed(bus, [1], 'cell1', ['another'])
    expect(decided(scheduler, 'b')).toBe(2)
  })

  test('word that the claim is lost settles it, also with the row as it was', async () => {
    const { scheduler, bus } = await started(four())
    expect(decided(scheduler, 'a')).toBe(1)
    await changed(bus, [2], 'cell1', ['a'])
    expect(decided(scheduler, 'b')).toBe(2)
    await changed(bus, [1], 'cell1', ['a'])
    expect(decided(scheduler, 'c')).toBe(1)
  })

  test('a decision without news of its claim is forgotten after 5 seconds', async () => {
    const cell = four()
    const { scheduler, clock } = await started(cell)
    cell.before = () => Promise.reject(new Error('connection refused'))
    expect(winner(scheduler)).toBe(1)
    await clock.advance(4_000)
    expect(winner(scheduler)).toBe(2)
    await clock.advance(1_000)
    expect(winner(scheduler)).toBe(1)
  })

  test('decisions alone never refuse a server: the claim decides', async () => {
    const { scheduler } = await started(cellOf('cell1', idleHost(1)))
    const whole = requestFor({ vcpus: 8 })
    expect([winner(scheduler, whole), winner(scheduler, whole)]).toEqual([1, 1])
  })
})

test('a stopped scheduler reads no more and answers no more', async () => {
  const cell = cellOf('cell1', idleHost(1))
  const { scheduler, bus, clock } = await started(cell)
  await scheduler.stop()
  await changed(bus, [1])
  await clock.advance(30_000)
  expect(cell.reads).toEqual({ since: [null], hosts: [] })
})
