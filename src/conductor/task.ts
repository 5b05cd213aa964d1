import type { Static, TSchema } from '@sinclair/typebox'
import type { CellTx, Fragment, GlobalTx } from '../platform/db/index.ts'
import type { Logger } from '../platform/log/index.ts'
import type { Saved } from './tasks.store.ts'

/**
 * A long operation as an ordered list of named steps, each of which can be done again and taken back. Its state is in
 * Postgres after every step, so that any conductor goes on where another one stopped.
 */
export interface TaskKind<Tx extends GlobalTx | CellTx = GlobalTx | CellTx, I extends TSchema = TSchema> {
  readonly kind: string
  readonly input: I
  /** From acceptance; a task that is not done by then is undone. */
  readonly deadline_s: number
  /** How often the steps may be begun from the first one. Infinity: it is never given up, and has no deadline either. */
  readonly attempts: number
  readonly steps: readonly Step<Tx, Static<I>>[]
  /**
   * After all is undone: prepares another attempt in the transaction that allows it.
   * @returns how long to wait before it; null when there is none worth making.
   */
  retry?(tx: Tx, context: TaskContext<Static<I>>, failure: Failure): Promise<{ after_s: number } | null>
  /** Writes the outcome down, in the transaction that removes the undone task. */
  failed(tx: Tx, context: TaskContext<Static<I>>, failure: Failure): Promise<void>
}

/** A task of any input in either kind of database, as the engine holds them. */
// The engine pairs a kind only with the database and the input that it was written for.
export type AnyTaskKind = TaskKind<any, any>

export interface Step<Tx extends GlobalTx | CellTx, Input> {
  readonly name: string
  /**
   * Effects outside this task's database. Must be safe to repeat: a crash before the result is saved does it again.
   * What it returns is kept under the step's name for later steps.
   */
  do?(context: TaskContext<Input>): Promise<unknown>
  /** Effects in this task's database, in the same transaction that saves the step as done: they happen once. */
  record?(tx: Tx, context: TaskContext<Input>, output: unknown): Promise<void>
  /**
   * In place of `record`: the same as one statement, in one round trip where the transaction takes three. `save` is the
   * part of it that saves the step as done (see `saving`); nothing may be written where that returns no row.
   */
  recordAtOnce?(save: Fragment, context: TaskContext<Input>, output: unknown): Promise<readonly Saved[]>
  /**
   * Takes the step back, whether it was done fully, partly or not at all; repeated until it succeeds. `null` only
   * through `none`, which says why there is nothing to take back.
   */
  readonly undo: ((context: TaskContext<Input>) => Promise<void>) | null
  /**
   * Only for a step that waits for a host: then it may be given up while it runs, at this deadline or when the task is
   * cancelled. Other steps end by the database's own time-outs and are always awaited.
   */
  readonly deadline_s?: number
  /** How long the step is repeated while what it needs is unavailable. */
  readonly patience_s: number
}

/** Patience of steps that need only our own databases: longer than a restart of one takes. */
const DEFAULT_PATIENCE_S = 120

type StepBody<Tx extends GlobalTx | CellTx, Input> = Omit<Step<Tx, Input>, 'name' | 'patience_s'> & {
  readonly patience_s?: number
}

export function step<Tx extends GlobalTx | CellTx, Input>(name: string, body: StepBody<Tx, Input>): Step<Tx, Input> {
  return { patience_s: DEFAULT_PATIENCE_S, ...body, name }
}

/** For a step that leaves nothing to take back; the reason is for the reader. */
export function none(_because: string): null {
  return null
}

/** What a step knows of its task. */
export interface TaskContext<Input> {
  readonly task_id: string
  readonly subject: string
  readonly request_id: string
  readonly input: Input
  /** 0 for the first attempt. */
  readonly attempt: number
  readonly accepted_at: Date
  /** Whether this may not be the first time that the step is begun; false is certain. */
  readonly again: boolean
  /** What an earlier step of this attempt returned. */
  output(step: string): unknown
  /** The same id each time this attempt comes to this purpose, by which a host knows a command again. */
  commandId(purpose: string): string
  /** Aborts when the task is cancelled, its lease is lost or the process stops. */
  readonly signal: AbortSignal
  /** Runs when what this `record`, `recordAtOnce`, `retry` or `failed` writes has been committed. */
  afterCommit(effect: () => void): void
  readonly log: Logger
}

/** Why a task is undone, as it is kept in its row; `message` is fit for a tenant. */
export interface Failure {
  readonly kind: string
  readonly message: string
  readonly details?: string
}
