/** Speaks to the cloud as any user of it does: a token from the identity service, addresses from its catalog. */
export interface CloudClient {
  /** @throws {Error} with the cloud's own words when it answers with an error. */
  request<T>(service: Service, method: string, path: string, body?: unknown): Promise<T>
  upload(path: string, bytes: Uint8Array): Promise<void>
}

export type Service = 'compute' | 'image' | 'network'

const REQUEST_DEADLINE_MS = 60_000

/** @param openrc the text of the file that a user of the cloud sources. */
export async function connect(openrc: string, signal: AbortSignal): Promise<CloudClient> {
  const env = readOpenrc(openrc)
  const domain = (kind: 'USER' | 'PROJECT'): object => ({ name: env.get(`OS_${kind}_DOMAIN_NAME`) ?? 'Default' })
  const user = { name: env.get('OS_USERNAME'), password: env.get('OS_PASSWORD'), domain: domain('USER') }
  const scope = { project: { name: env.get('OS_PROJECT_NAME'), domain: domain('PROJECT') } }
  const answer = await call(`${trim(env.get('OS_AUTH_URL') ?? '')}${tokensPath(env)}`, signal, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ auth: { identity: { methods: ['password'], password: { user } }, scope } }),
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

function tokensPath(env: Map<string, string>): string {
  return /\/v3\/?$/.test(env.get('OS_AUTH_URL') ?? '') ? '/auth/tokens' : '/v3/auth/tokens'
}

function readOpenrc(text: string): Map<string, string> {
  const lines = text.matchAll(/^\s*export\s+(\w+)=(.*)$/gm)
  return new Map([...lines].map(([, name, value]) => [name!, value!.trim().replace(/^(['"])(.*)\1$/, '$2')]))
}

async function call(url: string, signal: AbortSignal, init: RequestInit): Promise<Response> {
  const deadline = AbortSignal.timeout(REQUEST_DEADLINE_MS)
  const response = await fetch(url, { ...init, signal: AbortSignal.any([signal, deadline]) })
  if (response.ok) return response
  throw new Error(`${init.method} ${new URL(url).pathname}: ${response.status} ${faultText(await response.text())}`)
}

/** The message inside a fault of any of the services, or the body as it stands. */
function faultText(body: string): string {
  return /"message"\s*:\s*"((?:[^"\\]|\\.)*)"/.exec(body)?.[1] ?? body.slice(0, 300)
}
