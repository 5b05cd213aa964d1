import { createHash } from 'node:crypto'
import { type Clock, Problem } from '../kernel/index.ts'
import { asProblem, type CellTx, type GlobalTx } from '../platform/db/index.ts'
import type { Logger } from '../platform/log/index.ts'
import type { AnyTaskKind, Failure, Step, TaskContext } from './task.ts'
import {
  type AnyDatabase,
  dropLease,
  isCancelled,
  LeaseLost,
  type Progress,
  removeTask,
  removing,
  savedOf,
  saveProgress,
  saving,
  type TaskRow,
} from './tasks.store.ts'

type Tx = GlobalTx & CellTx

/** Reasons to abort a running task, told apart by the one who catches them. */
export class Cancelled extends Error {
  override readonly name = 'Cancelled'
}
export class Stopping extends Error {
  override readonly name = 'Stopping'
}

/** Where a run stands; tests stop it there, as a crash or a failure would. */
export interface ProbePoint {
  readonly kind: string
  readonly step: string
  readonly phase: 'before do' | 'after do' | 'after save' | 'before undo' | 'after undo'
}
export type Probe = (point: ProbePoint) => void

export interface RunOptions {
  readonly db: AnyDatabase
  readonly kind: AnyTaskKind
  readonly task: TaskRow
  readonly clock: Clock
  readonly log: Logger
  readonly signal: AbortSignal
  readonly probe: Probe
}

const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 5_000
/** An undo is tried for ever: what it would leave behind is worse than a task that waits. */
const UNDO_AGAIN_S = 10

/**
 * Runs a leased task until it is done, undone, or its lease is given back. Control flow is all here; steps are leaves.
 * @throws whatever kept the progress from being saved: the lease then runs out and another run takes over.
 */
export async function runTask(options: RunOptions): Promise<void> {
  const { db, kind, task, clock, log, probe } = options
  let progress: Progress = task
  let cancelled = task.cancelled
  const effects: (() => void)[] = []

  function context(): TaskContext<unknown> {
    return {
      task_id: task.id,
      subject: task.subject,
      request_id: task.request_id,
      input: task.input,
      attempt: progress.attempts,
      accepted_at: task.created_at,
      again: task.lease_number > 1,
      output: (name) => progress.data[name],
      commandId: (purpose) => uuidOf(`${task.id}/${progress.attempts}/${purpose}`),
      signal: options.signal,
      afterCommit: (effect) => effects.push(effect),
      log,
    }
  }

  async function commit(write: (tx: Tx) => Promise<void>): Promise<void> {
    await db.transaction(async (tx) => {
      // A transaction that is repeated records its effects afresh.
      effects.length = 0
      await write(tx as Tx)
    })
    takeEffect()
  }

  function takeEffect(): void {
    for (const effect of effects.splice(0)) effect()
  }

  async function save(next: Progress): Promise<void> {
    cancelled = (await saveProgress(db.sql, task, next)).cancelled
    progress = next
  }

  /** @returns true when that was the last step. */
  async function forward(step: Step<Tx, unknown>): Promise<boolean> {
    probe({ kind: kind.kind, step: step.name, phase: 'before do' })
    const output = await attempt(step, context(), options)
    probe({ kind: kind.kind, step: step.name, phase: 'after do' })
    const last = progress.step === kind.steps.length - 1
    const data = output === undefined ? progress.data : { ...progress.data, [step.name]: output }
    const next: Progress = { ...progress, step: progress.step + 1, data }
    if (step.recordAtOnce) {
      const saved = last ? removing(db.sql, task) : saving(db.sql, task, next)
      cancelled = savedOf(task, await step.recordAtOnce(saved, context(), output)).cancelled && !last
      progress = next
      takeEffect()
    } else if (!step.record && !last) await save(next)
    else {
      await commit(async (tx) => {
        // The server's row is locked before the task's, as a delete does; both are sent before either is answered.
        const recorded = step.record?.(tx, context(), output)
        const saved = last ? removeTask(tx, task) : saveProgress(tx, task, next)
        await together(recorded, saved)
        if (!last) cancelled = (await saved).cancelled
      })
      progress = next
    }
    probe({ kind: kind.kind, step: step.name, phase: 'after save' })
    return last
  }

  /** @returns true when this run is over, false when another attempt begins at once. */
  async function settle(failure: Failure): Promise<boolean> {
    let again: { after_s: number } | null = null
    const fresh: Progress = { step: 0, state: 'ready', data: {}, failure: null, attempts: progress.attempts + 1 }
    await commit(async (tx) => {
      const mayRetry = !cancelled && fresh.attempts < kind.attempts && clock.now() < deadlineOf(options)
      again = mayRetry && kind.retry ? await kind.retry(tx, context(), failure) : null
      if (!again) {
        await kind.failed(tx, context(), failure)
        await removeTask(tx, task)
        return
      }
      cancelled = (await saveProgress(tx, task, fresh)).cancelled
    })
    progress = fresh
    const { after_s } = again ?? { after_s: 0 }
    if (after_s > 0) await dropLease(db, task, after_s)
    return again === null || after_s > 0
  }

  /** @returns false when the task was put off because the undo did not succeed. */
  async function backward(step: Step<Tx, unknown>): Promise<boolean> {
    probe({ kind: kind.kind, step: step.name, phase: 'before undo' })
    try {
      await step.undo?.(context())
    } catch (error) {
      if (isCrash(error)) throw error
      log.error({ err: error, step: step.name }, `could not undo a step; trying again in ${UNDO_AGAIN_S} s`)
      await dropLease(db, task, UNDO_AGAIN_S)
      return false
    }
    probe({ kind: kind.kind, step: step.name, phase: 'after undo' })
    await save({ ...progress, step: progress.step - 1 })
    return true
  }

  for (;;) {
    if (options.signal.reason instanceof Stopping) return dropLease(db, task, 0)
    if (progress.state === 'ready') {
      const step = kind.steps[progress.step] as Step<Tx, unknown> | undefined
      try {
        options.signal.throwIfAborted()
        if (cancelled) throw new Cancelled('the server is being deleted')
        if (!step) throw new Error(`task ${task.kind} has no step ${progress.step}`)
        if (await forward(step)) return void log.info(`${kind.kind} done`)
      } catch (error) {
        if (error instanceof LeaseLost || isCrash(error)) throw error
        if (error instanceof Stopping) continue
        // Whether it has committed is not known, and nothing is wrong with the task: it goes on from what was saved.
        if (isOurDatabase(error)) throw error
        cancelled = cancelled || error instanceof Cancelled || (await isCancelled(db, task.id))
        const failure = failureOf(error)
        log.warn({ err: error, step: step?.name, attempt: progress.attempts }, `undoing: ${failure.message}`)
        await save({ ...progress, step: Math.min(progress.step, kind.steps.length - 1), state: 'undoing', failure })
      }
    } else if (progress.step < 0) {
      if (await settle(progress.failure ?? { kind: 'internal', message: 'The operation failed.' })) return
    } else if (!(await backward(kind.steps[progress.step] as Step<Tx, unknown>))) return
  }
}

/**
 * Does the step, again and again while what it needs is unavailable: for as long as its patience allows or, when it is
 * our own database that is away, as the task does. The host is not to blame for that one.
 */
async function attempt(step: Step<Tx, unknown>, context: TaskContext<unknown>, options: RunOptions): Promise<unknown> {
  const { clock, signal } = options
  const deadline = deadlineOf(options)
  const patientUntil = Math.min(clock.now() + step.patience_s * 1000, deadline)
  let repeated = false
  for (let pause_ms = FIRST_PAUSE_MS; ; pause_ms = Math.min(pause_ms * 2, LONGEST_PAUSE_MS)) {
    if (clock.now() > deadline) throw new Problem('internal', 'The operation did not end in time.')
    if (!step.do) return undefined
    try {
      const work = step.do(repeated ? { ...context, again: true } : context)
      return await (step.deadline_s === undefined ? work : interruptible(work, step.deadline_s, signal))
    } catch (error) {
      const ours = isOurDatabase(error)
      const theirs = error instanceof Problem && error.kind === 'unavailable'
      // One that would be repeated but for the abort has not failed: the abort decides what becomes of the task.
      if (ours || theirs) signal.throwIfAborted()
      if (!(ours || theirs) || clock.now() + pause_ms > (ours ? deadline : patientUntil)) throw error
      context.log.debug({ err: error, step: step.name, pause_ms }, 'unavailable; trying again')
      repeated = true
      await clock.sleep(pause_ms, signal)
      signal.throwIfAborted()
    }
  }
}

/** Milliseconds since the epoch; a task that is never given up has none. */
function deadlineOf({ kind, task }: RunOptions): number {
  return Number.isFinite(kind.attempts) ? task.deadline_at.getTime() : Number.POSITIVE_INFINITY
}

/** The driver's own error that a database is away; what others say of theirs is a Problem by the time it comes here. */
const isOurDatabase = (error: unknown): boolean =>
  !(error instanceof Problem) && asProblem(error)?.kind === 'unavailable'

/** Waits for all, also when one fails: a transaction must not end while somebody still writes in it. */
async function together(...works: (Promise<unknown> | undefined)[]): Promise<void> {
  for (const result of await Promise.allSettled(works)) if (result.status === 'rejected') throw result.reason
}

/** Stops waiting at the deadline or when the signal aborts; the host finds out by the command that undoes this one. */
async function interruptible<T>(work: Promise<T>, deadline_s: number, signal: AbortSignal): Promise<T> {
  const { promise: givenUp, reject } = Promise.withResolvers<never>()
  const late = (): void => reject(new Problem('internal', 'The compute host did not answer in time.'))
  const aborted = (): void => reject(signal.reason)
  // Cleared when the wait ends, which may be long before the work does: a process that stops must not wait for it.
  const timer = setTimeout(late, deadline_s * 1000)
  signal.addEventListener('abort', aborted, { once: true })
  if (signal.aborted) aborted()
  try {
    return await Promise.race([work, givenUp])
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', aborted)
  }
}

/** A probe throws this to end a run as `kill -9` would: nothing more is written. */
export class Crash extends Error {
  override readonly name = 'Crash'
}
const isCrash = (error: unknown): boolean => error instanceof Crash

/** What a tenant may read of an error: a Problem's own words, of anything else only that it happened. */
function failureOf(error: unknown): Failure {
  if (error instanceof Problem) {
    const details = error.cause === undefined ? undefined : String((error.cause as Error)?.message ?? error.cause)
    return { kind: error.kind, message: error.message, ...(details ? { details } : {}) }
  }
  if (error instanceof Cancelled) return { kind: 'cancelled', message: error.message }
  return { kind: 'internal', message: 'An unexpected error stopped the operation.', details: String(error) }
}

/** A UUID that is always the same for the same text (RFC 9562, version 8). */
function uuidOf(text: string): string {
  const bytes = createHash('sha256').update(text).digest().subarray(0, 16)
  bytes[6] = (bytes[6]! & 0x0f) | 0x80
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
