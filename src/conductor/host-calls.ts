import { agentTopic, commandResult, queryAnswers } from '../contracts/index.ts'
import { type Clock, unavailable } from '../kernel/index.ts'
import { type Bus, BusTimeout, type Json } from '../platform/bus/index.ts'
import { ask } from './ask.ts'
import type { HostCalls } from './ports.ts'

const SILENCE = 'The compute host did not answer in time.'

/** Speaks to agents over the bus. Answers are parsed as what they are: words of the least trusted party. */
export function createHostCalls(bus: Bus, clock: Clock): HostCalls {
  return {
    // A host knows a command again by its id: the second time it joins in or answers from its journal.
    command: async (host, command, deadline_s) =>
      commandResult.parse(await ask(bus, agentTopic(host), command, { deadline_s, clock, silence: SILENCE })),
    // Somebody is waiting for this one: no second try.
    async query(host, query, deadline_s) {
      try {
        const answer = await bus.call(agentTopic(host), query as Json, { deadline_s })
        return queryAnswers[query.query].parse(answer) as never
      } catch (error) {
        throw error instanceof BusTimeout ? unavailable(SILENCE, error) : error
      }
    },
  }
}
