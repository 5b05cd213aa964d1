import { newId, type Clock } from '../kernel/index.ts'
import { message, taskReady, tasksTopic } from '../contracts/index.ts'
import type { Bus, Subscription } from '../platform/bus/index.ts'
import type { Logger } from '../platform/log/index.ts'
import { Cancelled, Crash, type Probe, runTask, Stopping } from './run.ts'
import type { AnyTaskKind } from './task.ts'
import {
  type AnyDatabase,
  dropLeasesOf,
  dropStrayLeases,
  dueTasks,
  isCancelled,
  LeaseLost,
  renewLeases,
  takeLease,
  type TaskRow,
} from './tasks.store.ts'

export interface EngineOptions {
  readonly db: AnyDatabase
  readonly kinds: readonly AnyTaskKind[]
  readonly bus: Bus
  /** Stable over restarts, so that a new life takes over at once what the last one held. */
  readonly conductor: string
  readonly clock: Clock
  readonly log: Logger
  /** Tasks that run at once; further ones wait in line. */
  readonly concurrency: number
  readonly probe?: Probe
}

export interface Engine {
  start(): Promise<void>
  /** Lets running steps end, gives the leases back. */
  stop(): Promise<void>
}

/** How long a conductor may be silent before another one takes over its tasks. */
const LEASE_S = 15
const RENEW_MS = (LEASE_S * 1000) / 3
/** Finds what no doorbell told of: lost messages, expired leases, tasks put off. */
const SWEEP_MS = 2_000
const SWEEP_LIMIT = 500
/** A task behind another of its subject is tried again after this, doubling. */
const FIRST_RETRY_MS = 20
const LAST_RETRY_MS = 2_000
const STOP_DEADLINE_MS = 10_000

/** Runs the durable tasks of one database. Any number of engines may share it. */
export function createEngine(options: EngineOptions): Engine {
  const { db, bus, clock, log } = options
  const owner = `${options.conductor}/${newId()}`
  const kinds = new Map(options.kinds.map((kind) => [kind.kind, { kind, input: message(kind.kind, 1, kind.input) }]))
  const running = new Map<string, { task: TaskRow; abort: AbortController; done: Promise<void> }>()
  const waiting = new Set<string>()
  const deferred = new Set<string>()
  /** Stopped because the database was away: their leases may still be ours. */
  const cutOff = new Set<string>()
  let taken = 0
  let doorbell: Subscription | undefined
  let timers: ReturnType<typeof setInterval>[] = []
  let stopping = false

  function offer(id: string): void {
    if (stopping || running.has(id) || waiting.has(id) || deferred.has(id)) return
    waiting.add(id)
    fill()
  }

  function fill(): void {
    for (const id of waiting) {
      if (taken >= options.concurrency) return
      waiting.delete(id)
      taken++
      void take(id, FIRST_RETRY_MS).finally(() => {
        taken--
        fill()
      })
    }
  }

  async function take(id: string, retry_ms: number): Promise<void> {
    try {
      const task = await takeLease(db, id, owner, LEASE_S)
      if (task) return await run(task)
      await overtake(id, retry_ms)
    } catch (error) {
      if (error instanceof LeaseLost) log.warn({ task: id }, 'lost the lease; another conductor has the task')
      else {
        log.error({ err: error, task: id }, 'a task stopped; it goes on from its last step')
        if (!(error instanceof Crash)) cutOff.add(id)
      }
    }
  }

  /** Not ours to take now. If it waits behind one of ours, that one may have been cancelled by it; come back later. */
  async function overtake(id: string, retry_ms: number): Promise<void> {
    const [row] = await db.sql<{ subject: string }[]>`select subject from tasks where id = ${id} and lease_until is null`
    if (!row) return
    for (const entry of running.values()) {
      if (entry.task.subject === row.subject && (await isCancelled(db, entry.task.id))) {
        entry.abort.abort(new Cancelled('the server is being deleted'))
      }
    }
    deferred.add(id)
    setTimeout(() => {
      deferred.delete(id)
      if (!stopping && !running.has(id)) void take(id, Math.min(retry_ms * 2, LAST_RETRY_MS))
    }, retry_ms)
  }

  async function run(task: TaskRow): Promise<void> {
    const known = kinds.get(task.kind)
    if (!known) throw new Error(`no conductor here knows tasks of the kind ${task.kind}`)
    const { kind } = known
    known.input.parse(task.input)
    const abort = new AbortController()
    const child = log.child({ request_id: task.request_id, task: task.kind, instance: task.subject })
    const done = runTask({ db, kind, task, clock, log: child, signal: abort.signal, probe: options.probe ?? noProbe })
    running.set(task.id, { task, abort, done })
    try {
      await done
    } finally {
      running.delete(task.id)
    }
  }

  async function renew(): Promise<void> {
    const ids = [...running.keys()]
    if (ids.length === 0) return
    const held = new Map((await renewLeases(db, ids, owner, LEASE_S)).map((row) => [row.id, row.cancelled]))
    for (const id of ids) {
      const entry = running.get(id)
      if (!entry) continue
      if (held.get(id)) entry.abort.abort(new Cancelled('the server is being deleted'))
    }
  }

  async function sweep(): Promise<void> {
    if (cutOff.size > 0) {
      const ids = [...cutOff]
      await dropStrayLeases(db, ids, owner)
      for (const id of ids) cutOff.delete(id)
    }
    for (const id of await dueTasks(db, SWEEP_LIMIT)) offer(id)
  }

  function every(ms: number, work: () => Promise<void>, what: string): void {
    let busy = false
    timers.push(
      setInterval(() => {
        if (busy) return
        busy = true
        work()
          .catch((error) => log.warn({ err: error }, `could not ${what}; trying again`))
          .finally(() => {
            busy = false
          })
      }, ms),
    )
  }

  return {
    async start() {
      await dropLeasesOf(db, options.conductor)
      doorbell = bus.consume(tasksTopic(db.id), { group: 'conductor', concurrency: options.concurrency }, async (message) => {
        offer(taskReady.parse(message).task_id)
      })
      await doorbell.ready
      await sweep()
      every(SWEEP_MS, sweep, 'look for due tasks')
      every(RENEW_MS, renew, 'renew leases')
    },
    async stop() {
      stopping = true
      await doorbell?.stop()
      for (const timer of timers) clearInterval(timer)
      timers = []
      waiting.clear()
      for (const entry of running.values()) entry.abort.abort(new Stopping('the conductor stops'))
      const all = Promise.allSettled([...running.values()].map((entry) => entry.done))
      const deadline = new AbortController()
      await Promise.race([all, clock.sleep(STOP_DEADLINE_MS, deadline.signal)])
      deadline.abort()
    },
  }
}

const noProbe: Probe = () => {}
