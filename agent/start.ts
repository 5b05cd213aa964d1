import { type Agent, type HostInput, serveHost } from './host.ts'
import { openJournal } from './journal.ts'
import { readNodeId } from './node-id.ts'
import { startPulse } from './pulse.ts'

export interface AgentInput extends Omit<HostInput, 'node_id' | 'journal' | 'pulse'> {
  /** The node's id for ever; when absent, the one that the directory keeps (`readNodeId`). */
  readonly node_id?: string
  /** Where the journal is. One agent only may use it at a time. */
  readonly directory: string
  /** Whether the journal must survive a crash of the machine. */
  readonly durable: boolean
}

/**
 * Runs a compute host's agent: it opens the driver, obeys the commands for `host` on the bus and reports its state.
 * @throws {DriverError} when guests cannot run here; and what the file system says of the directory.
 */
export async function startAgent(input: AgentInput): Promise<Agent> {
  const { directory, durable, clock, log, options } = input
  const node_id = input.node_id ?? readNodeId(directory)
  const journal = openJournal({ directory, durable, log })
  const pulse = startPulse({ clock, interval_s: options.report_interval_s, slots: 1 })
  const close = (): void => {
    pulse.stop()
    journal.close()
  }
  try {
    const agent = await serveHost({ ...input, node_id, journal, pulse })
    return { stop: () => agent.stop().finally(close) }
  } catch (error) {
    close()
    throw error
  }
}
