import { Type as T } from '@sinclair/typebox'
import {
  type AgentCommand,
  type AgentQuery,
  agentRequest,
  type CommandResult,
  ContractError,
  guestPush,
  message,
  networksPush,
  type QueryAnswer,
  type QueryName,
  type QueryOf,
} from '../src/contracts/index.ts'
import { badRequest, isUuid } from '../src/kernel/index.ts'
import type { Json } from '../src/platform/bus/index.ts'
import { relayConsole } from './console/index.ts'
import type { Driver } from './drivers/driver.ts'
import { asProblem } from './failures.ts'
import type { Networking } from './network/index.ts'

/** Answers of a console query: the contract's bound. */
const MAX_CONSOLE_CHARS = 1_048_576

/** The door of a host: parses what comes over the bus, has it done, and answers. @throws {Problem} only. */
export function requestHandler(
  run: (command: AgentCommand) => Promise<CommandResult>,
  driver: Driver,
  networking: Networking | null,
): (request: Json) => Promise<Json> {
  return async (request) => {
    if (typeof request === 'object' && request !== null && 'push' in request) return push(request, networking)
    const parsed = parse(request)
    if ('verb' in parsed) return run(parsed)
    try {
      return await answer(driver, parsed)
    } catch (error) {
      throw asProblem(error)
    }
  }
}

const anyPush = message('agent.push', 1, T.Object({ push: T.Union([T.Literal('networks'), T.Literal('guest')]) }))

/** What the control plane sends by itself, or because it was asked. */
async function push(request: Json, networking: Networking | null): Promise<Json> {
  const { push } = fitting(() => anyPush.parse(request))
  if (!networking) throw badRequest('This host does not make networks.')
  if (push === 'guest') networking.takeGuest(fitting(() => guestPush.parse(request)).guest)
  else await networking.take(fitting(() => networksPush.parse(request)).networks)
  return {}
}

/** Whoever asked has given up by then. */
const FETCH_DEADLINE_MS = 900_000

const ANSWERS: { readonly [N in QueryName]: (driver: Driver, query: QueryOf<N>) => Promise<QueryAnswer<N>> } = {
  console_output: async (driver, { server_id, lines }) => ({
    output: (await driver.consoleOutput(server_id, lines)).slice(-MAX_CONSOLE_CHARS),
  }),
  uptime: async (driver) => ({ uptime: await driver.uptime() }),
  async cache_image(driver, { image }) {
    await driver.cacheImage(image, AbortSignal.timeout(FETCH_DEADLINE_MS))
    return {}
  },
  diagnostics: (driver, { server_id }) => driver.diagnostics(server_id),
  console_address: (driver, { server_id, kind }) => driver.consoleAddress(server_id, kind),
  async console_connect(driver, { server_id, kind, url, ticket }) {
    await relayConsole((events) => driver.openConsole(server_id, kind, events), { url, ticket })
    return {}
  },
  disks: async (driver, { server_id }) => ({ disks: await driver.disks(server_id) }),
}

function answer(driver: Driver, question: AgentQuery): Promise<Json> {
  return ANSWERS[question.query](driver, question as never)
}

function parse(request: Json): AgentCommand | AgentQuery {
  const parsed = fitting(() => agentRequest.parse(request))
  // The id names files and domains: only its canonical form is one.
  if ('server_id' in parsed && !isUuid(parsed.server_id)) throw badRequest('agent.request: server_id is not a UUID')
  if ('instance' in parsed && parsed.instance.server_id !== parsed.server_id) {
    throw badRequest('agent.request: the instance is of another server')
  }
  return parsed
}

function fitting<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof ContractError) throw badRequest(error.message, error)
    throw error
  }
}
