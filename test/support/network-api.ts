import { networkFace, networkPolicy } from '../../src/api/network/index.ts'
import { Problem, type RequestContext } from '../../src/kernel/index.ts'
import { createNetworks, type Networks } from '../../src/network/index.ts'
import { asProblem } from '../../src/platform/db/index.ts'
import { serve } from '../../src/platform/http/index.ts'
import { createPolicy } from '../../src/platform/policy/index.ts'
import { quietLog, testDatabases } from './database.ts'

/** The body parsed; undefined when there is none. */
// oxlint-disable-next-line no-explicit-any
export type Body = any

export interface NetworkAnswer {
  readonly status: number
  readonly body: Body
}

export interface NetworkApi {
  /** Where the API stands, prefix included. */
  readonly url: string
  readonly networks: Networks
  /** @param token a project's id, with `:admin` or `:reader` after it for another role than member */
  request(method: string, path: string, token: string, body?: unknown): Promise<NetworkAnswer>
  stop(): Promise<void>
}

/** The network API on a port and a database of its own. */
export async function serveNetwork(externalCidr: string | null = null): Promise<NetworkApi> {
  const databases = await testDatabases()
  const networks = createNetworks({ db: databases.global, externalCidr, log: quietLog })
  const policy = createPolicy({ defaults: networkPolicy, log: quietLog })
  const server = await serve({
    faces: [networkFace({ networks, authenticate, policy })],
    listen: { host: '127.0.0.1', port: 0 },
    logs: { role: () => quietLog },
    classify: asProblem,
    accessLog: false,
  })
  const url = `${server.url}/network`
  return {
    url,
    networks,
    async request(method, path, token, body) {
      const response = await fetch(`${url}${path}`, {
        method,
        headers: { 'x-auth-token': token, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      const text = await response.text()
      return { status: response.status, body: text === '' ? undefined : JSON.parse(text) }
    },
    async stop() {
      await server.stop({ deadline_s: 1 })
      await databases.drop()
    },
  }
}

const ROLES: Readonly<Record<string, readonly string[]>> = {
  admin: ['admin', 'member', 'reader'],
  member: ['member', 'reader'],
  reader: ['reader'],
}

function authenticate(call: { request: Request }): RequestContext {
  const [projectId, role = 'member'] = call.request.headers.get('x-auth-token')?.split(':') ?? []
  if (!projectId) throw new Problem('unauthorized', 'The request you have made requires authentication.')
  const roles = ROLES[role] ?? []
  return { projectId, userId: 'u', roles, isAdmin: role === 'admin', systemScope: null } as unknown as RequestContext
}
