import { agentTopic, commandResult, consoleOutput } from '../contracts/index.ts'
import { Problem } from '../kernel/index.ts'
import { type Bus, BusTimeout, type Json } from '../platform/bus/index.ts'
import type { HostCalls } from './ports.ts'

/** Speaks to agents over the bus. Answers are parsed as what they are: words of the least trusted party. */
export function createHostCalls(bus: Bus): HostCalls {
  async function call(host: string, request: unknown, deadline_s: number): Promise<Json> {
    try {
      return await bus.call(agentTopic(host), request as Json, { deadline_s })
    } catch (error) {
      if (!(error instanceof BusTimeout)) throw error
      throw new Problem('unavailable', 'The compute host did not answer in time.', { cause: `${host}: ${error.message}` })
    }
  }
  return {
    command: async (host, command, deadline_s) => commandResult.parse(await call(host, command, deadline_s)),
    query: async (host, query, deadline_s) => consoleOutput.parse(await call(host, query, deadline_s)).output,
  }
}
