import { findServer, type Server } from '../../cells/index.ts'
import type { AgentCommand, CommandResult } from '../../contracts/index.ts'
import { Problem } from '../../kernel/index.ts'
import type { CellDb } from '../../platform/db/index.ts'
import type { TaskContext } from '../task.ts'
import type { TaskPorts } from './ports.ts'

/** A command without what this module adds: whose it is, which it is, and how old. */
export type Order = AgentCommand extends infer C ? (C extends AgentCommand ? Omit<C, 'command_id' | 'server_id' | 'generation' | 'request_id'> : never) : never

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
  options: { deadline_s: number; undo?: boolean },
): Promise<CommandResult> {
  if (!server.host) throw new Problem('conflict', `Instance ${server.id} is not ready`)
  const command = {
    ...order,
    command_id: context.commandId(options.undo ? `undo ${order.verb}` : order.verb),
    server_id: server.id,
    generation: server.generation + (options.undo ? 1 : 0),
    request_id: context.request_id,
  } as AgentCommand
  return ports.hosts.command(server.host, command, options.deadline_s)
}

/**
 * Removes the guest, as far as its host can be reached. One that cannot will hear of it when it comes back: it then
 * reports a guest that the cell no longer places there, and is told to remove it.
 */
export async function destroyIfReachable(
  ports: TaskPorts,
  context: TaskContext<unknown>,
  server: Server,
  options: { undo: boolean },
): Promise<void> {
  if (!server.host) return
  try {
    await commandHost(ports, context, server, { verb: 'destroy' }, { deadline_s: DESTROY_DEADLINE_S, ...options })
  } catch (error) {
    if (!(error instanceof Problem) || error.kind !== 'unavailable') throw error
    context.log.warn({ err: error, host: server.host }, 'the guest is left to its host, which cannot be reached now')
  }
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
