import { createHash, randomBytes } from 'node:crypto'
import type { Cells, Located } from '../../cells/index.ts'
import type { HostCalls } from '../../conductor/index.ts'
import type { ConsoleKind } from '../../contracts/index.ts'
import { badRequest, conflict, notFound, Problem } from '../../kernel/index.ts'
import { type ConsoleToken, findToken, insertToken, takeToken } from './console-tokens.store.ts'

export interface ConsoleOptions {
  readonly cells: Cells
  readonly hostCalls: HostCalls
  /** `[consoleauth] token_ttl`. */
  readonly token_ttl_s: number
}

/** Where a host is to bring a console; see `CONSOLE_TICKET_HEADER`. */
export interface ConsoleRelay {
  readonly url: string
  readonly ticket: string
}

/** A token's console, and where it is on its host; a serial line has no port. */
export interface ConsoleAddress extends ConsoleToken {
  readonly address: string
  readonly port: number | null
}

export type Consoles = ReturnType<typeof createConsoles>

const QUERY_DEADLINE_S = 20
const TOKEN_BYTES = 24
/** A guest on its way elsewhere, or to its end, is no longer to be looked at. */
const LEAVING = ['deleting', 'migrating']

/**
 * Screens and serial lines of guests. Who may see a console gets a token; whoever brings the token sees it, once. A
 * token is good as long as its server is on the host that it had then: deleting or moving the server revokes it.
 */
export function createConsoles({ cells, hostCalls, token_ttl_s }: ConsoleOptions) {
  const { sql } = cells.global

  /** What Nova says where a host or a guest has no such console. */
  function unavailableType(type: string, error: unknown): unknown {
    if (!(error instanceof Problem)) return error
    if (error.kind === 'not_implemented') return badRequest(`Unavailable console type ${type}.`, error)
    return error
  }

  async function address(token: ConsoleToken): Promise<{ host: string; port: number | null }> {
    try {
      const { server_id, kind } = token
      return await hostCalls.query(token.host, { query: 'console_address', server_id, kind }, QUERY_DEADLINE_S)
    } catch (error) {
      if (error instanceof Problem && error.kind === 'not_found') {
        throw conflict(`Instance ${token.server_id} is not ready`)
      }
      throw unavailableType(token.type, error)
    }
  }

  async function stillThere({ server_id, host }: ConsoleToken): Promise<boolean> {
    const located = await cells.find(server_id)
    return located !== null && located.server.host === host && !leaving(located)
  }

  return {
    /**
     * @param type the word for it that was asked for.
     * @returns the token. @throws {Problem} conflict: no guest yet, or not for long; bad_request: no such console.
     */
    async create({ server }: Located, kind: ConsoleKind, type: string): Promise<string> {
      if (server.host === null) throw conflict(`Instance ${server.id} is not ready`)
      if (leaving({ server })) {
        throw conflict(
          `Cannot 'get_console' instance ${server.id} while it is in task_state ${server.task_state}`,
        )
      }
      const given: ConsoleToken = { server_id: server.id, host: server.host, kind, type }
      await address(given)
      const token = randomBytes(TOKEN_BYTES).toString('base64url')
      await insertToken(sql, hashOf(token), given, token_ttl_s)
      return token
    },

    /** What a token is for; it stays good. @throws {Problem} not_found */
    async show(token: string): Promise<ConsoleAddress> {
      const found = await findToken(sql, hashOf(token))
      if (!found || !(await stillThere(found))) throw notFound('Token not found')
      const { host, port } = await address(found)
      return { ...found, address: host, port }
    },

    /**
     * Uses a token up.
     * @returns what has the console brought to a relay. @throws {Problem} unauthorized
     */
    async open(token: string): Promise<{ server_id: string; bring(relay: ConsoleRelay): Promise<void> }> {
      const taken = await takeToken(sql, hashOf(token))
      if (!taken || !(await stillThere(taken))) {
        throw new Problem('unauthorized', 'The token of the console is not valid, was used before or has expired.')
      }
      const { server_id, kind, host } = taken
      return {
        server_id,
        async bring(relay) {
          await hostCalls.query(host, { query: 'console_connect', server_id, kind, ...relay }, QUERY_DEADLINE_S)
        },
      }
    },
  }
}

const leaving = ({ server }: Pick<Located, 'server'>): boolean => LEAVING.includes(server.task_state ?? '')

const hashOf = (token: string): Uint8Array => createHash('sha256').update(token).digest()
