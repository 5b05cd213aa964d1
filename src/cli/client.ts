import type { Credentials } from './credentials.ts'

/** Speaks to the cloud as any user of it does: a token from the identity service, addresses from its catalog. */
export interface CloudClient {
  /** @throws {CloudError} with the cloud's own words when it answers with an error. */
  request<T>(service: Service, method: string, path: string, body?: unknown): Promise<T>
  upload(path: string, bytes: Uint8Array): Promise<void>
}

export type Service = 'compute' | 'image' | 'network'

const REQUEST_DEADLINE_MS = 60_000

/** The cloud's answer to one request was an error; the message has its words. */
export class CloudError extends Error {
  override readonly name = 'CloudError'

  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message)
  }
}

/** @throws {Error} with the identity service's own words when it lets nobody in. */
export async function connect(credentials: Credentials, signal: AbortSignal): Promise<CloudClient> {
  const answer = await call(tokensUrl(credentials), signal, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ auth: authOf(credentials) }),
  })
  const token = answer.headers.get('x-subject-token')!
  const { catalog } = ((await answer.json()) as { token: { catalog: CatalogEntry[] } }).token
  return {
    request: async <T>(service: Service, method: string, path: string, body?: unknown): Promise<T> => {
      const response = await call(address(catalog, service) + path, signal, {
        method,
        headers: { 'x-auth-token': token, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      const text = await response.text()
      return (text === '' ? null : JSON.parse(text)) as T
    },
    upload: async (path, bytes) => {
      await call(address(catalog, 'image') + path, signal, {
        method: 'PUT',
        headers: { 'x-auth-token': token, 'content-type': 'application/octet-stream' },
        body: bytes,
      })
    },
  }
}

interface CatalogEntry {
  readonly type: string
  readonly endpoints: readonly { readonly interface: string; readonly url: string }[]
}

function address(catalog: readonly CatalogEntry[], service: Service): string {
  const endpoint = catalog.find(({ type }) => type === service)?.endpoints.find((one) => one.interface === 'public')
  if (!endpoint) throw new Error(`the catalog has no ${service} service`)
  return trim(endpoint.url)
}

const trim = (url: string): string => url.replace(/\/$/, '')

function tokensUrl({ auth_url }: Credentials): string {
  const url = trim(auth_url)
  return url.endsWith('/v3') ? `${url}/auth/tokens` : `${url}/v3/auth/tokens`
}

function authOf(credentials: Credentials): object {
  const { application_credential_id: id, application_credential_secret: secret } = credentials
  if (id) return { identity: { methods: ['application_credential'], application_credential: { id, secret } } }
  const { username: name, password, project_name } = credentials
  const user = { name, password, domain: { name: credentials.user_domain_name } }
  const scope = { project: { name: project_name, domain: { name: credentials.project_domain_name } } }
  return { identity: { methods: ['password'], password: { user } }, scope }
}

async function call(url: string, signal: AbortSignal, init: RequestInit): Promise<Response> {
  const deadline = AbortSignal.timeout(REQUEST_DEADLINE_MS)
  const response = await fetch(url, { ...init, signal: AbortSignal.any([signal, deadline]) }).catch((cause: Error) => {
    throw new Error(`${url} cannot be reached: ${cause.message}`, { cause })
  })
  if (response.ok) return response
  const said = faultText(await response.text())
  throw new CloudError(response.status, `${init.method} ${new URL(url).pathname}: ${response.status} ${said}`)
}

/** The message inside a fault of any of the services, or the body as it stands. */
function faultText(body: string): string {
  return /"message"\s*:\s*"((?:[^"\\]|\\.)*)"/.exec(body)?.[1] ?? body.slice(0, 300)
}
