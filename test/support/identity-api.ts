import { authenticator, identityFace, identityPolicy } from '../../src/api/identity/index.ts'
import type { Identity } from '../../src/identity/index.ts'
import { asProblem } from '../../src/platform/db/index.ts'
import { serve } from '../../src/platform/http/index.ts'
import type { Logger } from '../../src/platform/log/index.ts'
import { createPolicy } from '../../src/platform/policy/index.ts'
import { quietLog, testDatabases } from './database.ts'
import { DEMO_PASSWORD, testIdentity } from './identity.ts'

export interface TestIdentityApi {
  readonly identity: Identity
  readonly authenticate: ReturnType<typeof authenticator>
  /** Where the API stands, prefix included. */
  readonly url: string
  request(method: string, path: string, options?: RequestOptions): Promise<ApiAnswer>
  stop(): Promise<void>
}

export interface RequestOptions {
  readonly token?: string
  readonly headers?: Record<string, string>
  /** Sent as JSON; a string is sent as it is. */
  readonly body?: unknown
}

export interface ApiAnswer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The body parsed; undefined when there is none. */
  // oxlint-disable-next-line no-explicit-any
  readonly body: any
}

/** The identity API on a port and a database of its own. */
export async function serveIdentity(log: Logger = quietLog): Promise<TestIdentityApi> {
  const databases = await testDatabases()
  const identity = await testIdentity(databases.global, { log })
  const policy = createPolicy({ defaults: identityPolicy, log })
  const server = await serve({
    faces: [identityFace({ identity, policy })],
    listen: { host: '127.0.0.1', port: 0 },
    logs: { role: () => log },
    classify: asProblem,
  })
  const url = `${server.url}/identity`

  return {
    identity,
    authenticate: authenticator(identity),
    url,
    async request(method, path, { token, headers = {}, body } = {}) {
      const response = await fetch(`${url}${path}`, {
        method,
        redirect: 'manual',
        headers: {
          ...(token === undefined ? {} : { 'x-auth-token': token }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      })
      const text = await response.text()
      return {
        status: response.status,
        headers: response.headers,
        text,
        body: text === '' ? undefined : JSON.parse(text),
      }
    },
    async stop() {
      await server.stop({ deadline_s: 5 })
      await identity.close()
      await databases.drop()
    },
  }
}

export const DEFAULT_DOMAIN = { id: 'default' }

/** Asks the API for a token by password; whoever is not named is `demo`. */
export function askForToken(
  api: TestIdentityApi,
  { user = 'demo', password = DEMO_PASSWORD, scope }: { user?: string; password?: string; scope?: unknown },
): Promise<ApiAnswer> {
  const identity = { methods: ['password'], password: { user: { name: user, domain: DEFAULT_DOMAIN, password } } }
  return api.request('POST', '/v3/auth/tokens', { body: { auth: { identity, scope } } })
}
