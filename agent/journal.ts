import { type Static, Type as T } from '@sinclair/typebox'
import { join } from 'node:path'
import { type AgentCommand, CommandResult, message } from '../src/contracts/index.ts'
import type { ProblemKind } from '../src/kernel/index.ts'
import type { Logger } from '../src/platform/log/index.ts'
import { openAppendLog } from './append-log.ts'

/**
 * What this process's hosts were told to do, and how it ended. It is written before a command has any effect and again
 * before its answer leaves, so that after a crash a host still knows which commands it has done (it answers them from
 * here) and which were overtaken (it refuses them).
 */
export interface Journal {
  /** The part of one host; hosts of one process share the file. */
  host(name: string): HostJournal
  close(): void
}

export interface HostJournal {
  /** The highest generation begun on the server here, -1 for none. */
  generation(serverId: string): number
  /** The highest generation of a destroy begun here, -1 for none: nothing up to it may bring the guest back. */
  destroyed(serverId: string): number
  /** How the command ended, when it did and is not too long ago. */
  outcome(serverId: string, commandId: string): Outcome | undefined
  /** Notes that the command is about to take effect. Resolves when that is kept. */
  begin(command: AgentCommand): Promise<void>
  /** Notes the answer. Resolves when that is kept. */
  finish(command: AgentCommand, outcome: Outcome): Promise<void>
}

/** Kinds of failure that the same command would meet again; `unavailable` is none, so it is done again when asked. */
export const FINAL_KINDS = ['bad_request', 'not_found', 'conflict', 'not_implemented', 'internal'] as const satisfies ProblemKind[]
export type FinalKind = (typeof FINAL_KINDS)[number]
const Failure = T.Object({ kind: T.Union(FINAL_KINDS.map((kind) => T.Literal(kind))), message: T.String() })
const Outcome = T.Union([T.Object({ result: CommandResult }), T.Object({ failure: Failure })])
export type Outcome = Static<typeof Outcome>

/** Finished commands kept per server: how far back a command that is sent again is recognised. */
export const OUTCOMES_PER_SERVER = 8
/** Destroyed servers that are remembered, so that a late command cannot bring one back. */
export const MAX_DESTROYED = 10_000
/** The file is rewritten when it is past this and twice what it was after the last time. */
export const COMPACT_BYTES = 1_048_576

const About = { host: T.String(), server: T.String() }
const Line = T.Union([
  T.Object({ ...About, begun: T.String(), verb: T.String(), generation: T.Integer() }),
  T.Object({ ...About, done: T.String(), outcome: Outcome }),
  /** A server as it stands: what a rewrite makes of its lines. */
  T.Object({
    ...About,
    generation: T.Integer(),
    destroyed: T.Integer(),
    outcomes: T.Array(T.Tuple([T.String(), Outcome])),
  }),
])
type Line = Static<typeof Line>
const journalLine = message('agent.journal-line', 1, Line)

interface ServerRecord {
  generation: number
  destroyed: number
  /** By command id, oldest first. */
  outcomes: Map<string, Outcome>
}

export interface JournalOptions {
  readonly directory: string
  /** Whether each line is on disk before the command goes on; without, it is safe from a crash of the process only. */
  readonly durable: boolean
  readonly log: Logger
}

/** Opens `agent.journal` in the directory. @throws what the file system says. */
export function openJournal({ directory, durable, log }: JournalOptions): Journal {
  const file = join(directory, 'agent.journal')
  const [lines, { entries, skipped }] = openAppendLog<Line>({ file, durable, parse: journalLine.parse })
  const records: Records = new Map()
  for (const line of entries) apply(records, line)
  if (skipped > 1) log.warn({ lines: skipped }, 'the journal is damaged: lines in it could not be read')
  let compacted = 0
  compact()

  /** The journal works without it, only longer. */
  function compact(): void {
    forget(records)
    try {
      lines.rewrite(snapshot(records))
    } catch (err) {
      log.error({ err }, 'the journal could not be rewritten')
    }
    compacted = lines.bytes
  }

  /** What cannot be written holds for as long as the process lives. */
  async function write(line: Line): Promise<void> {
    apply(records, line)
    lines.append(line)
    if (lines.bytes > Math.max(COMPACT_BYTES, 2 * compacted)) compact()
    await lines.sync()
  }

  return {
    host: (name) => hostJournal(name, records, write),
    close: () => lines.close(),
  }
}

/** By host, then by server; of a host's servers those that changed last come last. */
type Records = Map<string, Map<string, ServerRecord>>

function hostJournal(host: string, records: Records, write: (line: Line) => Promise<void>): HostJournal {
  const record = (serverId: string): ServerRecord | undefined => records.get(host)?.get(serverId)
  return {
    generation: (serverId) => record(serverId)?.generation ?? -1,
    destroyed: (serverId) => record(serverId)?.destroyed ?? -1,
    outcome: (serverId, commandId) => record(serverId)?.outcomes.get(commandId),
    begin: ({ server_id: server, command_id: begun, verb, generation }) =>
      write({ host, server, begun, verb, generation }),
    finish: ({ server_id: server, command_id: done }, outcome) => write({ host, server, done, outcome }),
  }
}

function apply(records: Records, line: Line): void {
  let servers = records.get(line.host)
  if (!servers) records.set(line.host, (servers = new Map()))
  const record = servers.get(line.server) ?? { generation: -1, destroyed: -1, outcomes: new Map<string, Outcome>() }
  servers.delete(line.server)
  servers.set(line.server, record)

  if ('begun' in line) {
    record.generation = Math.max(record.generation, line.generation)
    if (line.verb === 'destroy') record.destroyed = Math.max(record.destroyed, line.generation)
  } else if ('done' in line) {
    record.outcomes.set(line.done, line.outcome)
  } else {
    record.generation = Math.max(record.generation, line.generation)
    record.destroyed = Math.max(record.destroyed, line.destroyed)
    for (const [commandId, outcome] of line.outcomes) record.outcomes.set(commandId, outcome)
  }
  for (const commandId of record.outcomes.keys()) {
    if (record.outcomes.size <= OUTCOMES_PER_SERVER) break
    record.outcomes.delete(commandId)
  }
}

/** Drops the servers that were destroyed longest ago; the hosts share what may be remembered. */
function forget(records: Records): void {
  const share = Math.ceil(MAX_DESTROYED / Math.max(records.size, 1))
  for (const servers of records.values()) {
    const gone = [...servers].filter(([, record]) => record.destroyed === record.generation)
    for (const [serverId] of gone.slice(0, -share)) servers.delete(serverId)
  }
}

function* snapshot(records: Records): Generator<Line> {
  for (const [host, servers] of records) {
    for (const [server, { generation, destroyed, outcomes }] of servers) {
      yield { host, server, generation, destroyed, outcomes: [...outcomes] }
    }
  }
}
