import { findServer, type Server } from '../../cells/index.ts'
import type { AgentCommand, CommandResult } from '../../contracts/index.ts'
import { Problem } from '../../kernel/index.ts'
import type { CellDb } from '../../platform/db/index.ts'
import type { TaskContext } from '../task.ts'
import type { TaskPorts } from './ports.ts'

/** A command without what this module adds: whose it is, which it is, and how old. */
export type Order = AgentCommand extends infer C ? (C extends AgentCommand ? Omit<C, 'command_id' | 'server_id' | 'generation' | 'request_id'> : never) : never

export interface Sending {
  readonly deadline_s: number
  /** Takes back what the task has done. */
  readonly undo?: boolean
  /** Of a server that moves; absent: the host that the server is on. */
  readonly host?: string | null
  /** Tells commands of one verb apart that a task sends more than once; absent: the verb. */
  readonly purpose?: string
}

/**
 * Sends a command to the host that has the server. A task's commands carry the server's generation, what takes them
 * back carries the next number, and each task and attempt begins two higher: so whatever comes late from an earlier
 * one is refused by the host.
 */
export function commandHost(
  ports: TaskPorts,
  context: TaskContext<unknown>,
  server: Server,
  order: Order,
  { deadline_s, undo = false, host = server.host, purpose = order.verb }: Sending,
): Promise<CommandResult> {
  if (!host) throw new Problem('conflict', `Instance ${server.id} is not ready`)
  // Hosts keep a command's answer by its id: one verb at two hosts is two commands.
  const at = host === server.host ? purpose : `${purpose} at ${host}`
  const command = {
    ...order,
    command_id: context.commandId(undo ? `undo ${at}` : at),
    server_id: server.id,
    generation: server.generation + (undo ? 1 : 0),
    request_id: context.request_id,
  } as AgentCommand
  return ports.hosts.command(host, command, deadline_s)
}

/** The same for what a host that is away may miss. @returns whether it was reached */
export async function commandIfReachable(
  ports: TaskPorts,
  context: TaskContext<unknown>,
  server: Server,
  order: Order,
  sending: Sending,
): Promise<boolean> {
  try {
    await commandHost(ports, context, server, order, sending)
    return true
  } catch (error) {
    if (!(error instanceof Problem) || error.kind !== 'unavailable') throw error
    const host = sending.host ?? server.host
    context.log.warn({ err: error, host, verb: order.verb }, 'the host cannot be reached now and does without')
    return false
  }
}

/**
 * Removes the guest, as far as its host can be reached. One that cannot will hear of it when it comes back: it then
 * reports a guest that the cell no longer places there, and is told to remove it.
 */
export async function destroyIfReachable(
  ports: TaskPorts,
  context: TaskContext<unknown>,
  server: Server,
  options: { undo: boolean; host?: string },
): Promise<void> {
  if (!(options.host ?? server.host)) return
  await commandIfReachable(ports, context, server, { verb: 'destroy' }, { deadline_s: DESTROY_DEADLINE_S, ...options })
}

/** Long enough for QEMU to end and for a large disk to be removed; short enough that a dead host holds nobody up. */
export const DESTROY_DEADLINE_S = 60

/** Covers the download of a large image over a slow link. */
export const BUILD_COMMAND_DEADLINE_S = 900

export async function serverOf(cell: CellDb, context: TaskContext<unknown>): Promise<Server> {
  const server = await findServer(cell, context.subject)
  if (!server) throw new Problem('not_found', `Instance ${context.subject} could not be found.`)
  return server
}
