import { newId, type Clock } from '../kernel/index.ts'
import { message, taskReady, tasksTopic } from '../contracts/index.ts'
import type { Bus, Subscription } from '../platform/bus/index.ts'
import type { Logger } from '../platform/log/index.ts'
import { asProblem, type Presence } from '../platform/db/index.ts'
import { Cancelled, Crash, type Probe, runTask, Stopping } from './run.ts'
import type { AnyTaskKind } from './task.ts'
import {
  absentOwners,
  type AnyDatabase,
  dropLease,
  dropLeasesOf,
  dropLeasesOfOwner,
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
  /** Told of every run of a task. */
  readonly observe?: (end: TaskEnd) => void
}

export interface TaskEnd {
  readonly kind: string
  /** False for a run that stopped: the task goes on later, here or elsewhere. */
  readonly ended: boolean
  readonly seconds: number
}

export interface Engine {
  start(): Promise<void>
  /** Lets running steps end, gives the leases back. */
  stop(): Promise<void>
  /** Tasks that run here now, and those in line. */
  load(): { database: string; running: number; waiting: number }
}

/** How long a conductor may be silent before another one takes over its tasks; one that is seen to be gone is not waited for. */
const LEASE_S = 15
const RENEW_MS = (LEASE_S * 1000) / 3
/** Finds what no doorbell told of: lost messages, expired leases, tasks put off. */
const SWEEP_MS = 2_000
const SWEEP_LIMIT = 500
/** A task behind another of its subject is tried again after this, doubling. */
const FIRST_RETRY_MS = 20
const LAST_RETRY_MS = 2_000
const STOP_DEADLINE_MS = 10_000
/** Ids in line; what does not fit is found by a later sweep. */
const MAX_WAITING = 10_000
/** A task that no code here can run, or that our own code fails on, must not crowd out the others. */
const BROKEN_AGAIN_S = 30

/** Runs the durable tasks of one database. Any number of engines may share it. */
export function createEngine(options: EngineOptions): Engine {
  const { db, bus, clock, log } = options
  const owner = `${options.conductor}/${newId()}`
  const kinds = new Map(options.kinds.map((kind) => [kind.kind, { kind, input: message(kind.kind, 1, kind.input) }]))
  const running = new Map<string, { task: TaskRow; abort: AbortController }>()
  /** In line, with the pause after which each is tried again if it cannot be taken. */
  const waiting = new Map<string, number>()
  const deferred = new Map<string, ReturnType<typeof setTimeout>>()
  /** Stopped before their end: their leases are to be given back, to run on after so many seconds. */
  const cutOff = new Map<string, { task: TaskRow; after_s: number }>()
  /** From the look whether a task is free to the end of its run. */
  const taken = new Set<Promise<void>>()
  let doorbell: Subscription | undefined
  let timers: ReturnType<typeof setInterval>[] = []
  const rounds = new Set<Promise<void>>()
  let stopping = false
  let presence: Presence | undefined
  /** Owners of leases that were not there at the last sweep. */
  let missed = new Set<string>()

  function offer(id: string, retry_ms = FIRST_RETRY_MS): void {
    if (stopping || running.has(id) || waiting.has(id) || deferred.has(id) || waiting.size >= MAX_WAITING) return
    waiting.set(id, retry_ms)
    fill()
  }

  function fill(): void {
    for (const [id, retry_ms] of waiting) {
      if (taken.size >= options.concurrency) return
      waiting.delete(id)
      const work = take(id, retry_ms).finally(() => {
        taken.delete(work)
        fill()
      })
      taken.add(work)
    }
  }

  async function take(id: string, retry_ms: number): Promise<void> {
    let task: TaskRow | null = null
    try {
      task = await takeLease(db, id, owner, LEASE_S)
      if (!task) await overtake(id, retry_ms)
      else if (stopping) await dropLease(db, task, 0)
      else await run(task)
    } catch (error) {
      if (error instanceof LeaseLost) return log.warn({ task: id }, 'lost the lease; another conductor has the task')
      log.error({ err: error, task: id }, 'a task stopped; it goes on from its last step')
      if (task && !(error instanceof Crash)) cutOff.set(id, { task, after_s: asProblem(error) ? 0 : BROKEN_AGAIN_S })
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
    if (stopping) return
    const again = (): void => {
      deferred.delete(id)
      offer(id, Math.min(retry_ms * 2, LAST_RETRY_MS))
    }
    deferred.set(id, setTimeout(again, retry_ms))
  }

  async function run(task: TaskRow): Promise<void> {
    const known = kinds.get(task.kind)
    if (!known) throw new Error(`no conductor here knows tasks of the kind ${task.kind}`)
    const { kind } = known
    known.input.parse(task.input)
    const abort = new AbortController()
    const child = log.child({ request_id: task.request_id, task: task.kind, instance: task.subject })
    running.set(task.id, { task, abort })
    const began = performance.now()
    let ended = false
    try {
      await runTask({ db, kind, task, clock, log: child, signal: abort.signal, probe: options.probe ?? noProbe })
      ended = true
    } finally {
      running.delete(task.id)
      options.observe?.({ kind: task.kind, ended, seconds: (performance.now() - began) / 1000 })
    }
  }

  async function renew(): Promise<void> {
    const ids = [...running.keys()]
    if (ids.length === 0) return
    const held = new Map((await renewLeases(db, ids, owner, LEASE_S)).map((row) => [row.id, row.cancelled]))
    for (const id of ids) {
      const entry = running.get(id)
      if (!entry) continue
      const cancelled = held.get(id)
      if (cancelled) entry.abort.abort(new Cancelled('the server is being deleted'))
      else if (cancelled === undefined) entry.abort.abort(new LeaseLost(id))
    }
  }

  /** Frees what conductors hold that are gone. One that is missed twice is: its connection may have been made anew. */
  async function takeOver(): Promise<void> {
    const absent = (await absentOwners(db)).filter((each) => each !== owner)
    for (const gone of absent.filter((each) => missed.has(each))) {
      log.warn({ conductor: gone }, 'a conductor is gone; its tasks go on elsewhere')
      await dropLeasesOfOwner(db, gone)
    }
    missed = new Set(absent)
  }

  async function sweep(): Promise<void> {
    for (const [id, { task, after_s }] of cutOff) {
      await dropLease(db, task, after_s)
      cutOff.delete(id)
    }
    await takeOver()
    for (const id of await dueTasks(db, SWEEP_LIMIT)) offer(id)
  }

  function every(ms: number, work: () => Promise<void>, what: string): void {
    let busy = false
    timers.push(
      setInterval(() => {
        if (busy) return
        busy = true
        const round = work()
          .catch((error) => log.warn({ err: error }, `could not ${what}; trying again`))
          .finally(() => {
            busy = false
            rounds.delete(round)
          })
        rounds.add(round)
      }, ms),
    )
  }

  return {
    load: () => ({ database: db.id, running: running.size, waiting: waiting.size }),
    async start() {
      presence = db.announce(owner)
      await presence.ready
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
      for (const timer of deferred.values()) clearTimeout(timer)
      deferred.clear()
      waiting.clear()
      for (const entry of running.values()) entry.abort.abort(new Stopping('the conductor stops'))
      const all = Promise.allSettled([...taken, ...rounds])
      const deadline = new AbortController()
      await Promise.race([all, clock.sleep(STOP_DEADLINE_MS, deadline.signal)])
      deadline.abort()
      await presence?.end()
    },
  }
}

const noProbe: Probe = () => {}
