import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CloudProcess } from './cloud-process.ts'

/** Speaks to a cloud over HTTP as one of its users. */
export interface ApiClient {
  readonly token: string
  /** @throws with status and body unless the answer is 2xx. */
  get<T>(path: string): Promise<T>
  post<T>(path: string, body: unknown): Promise<T>
  delete(path: string): Promise<void>
  /** Any request; the answer as it is. */
  request(
    method: string,
    path: string,
    options?: { body?: unknown; headers?: Record<string, string> },
  ): Promise<Response>
  /** Makes an image that is active. @returns its id. */
  upload(
    name: string,
    disk_format: 'raw' | 'qcow2',
    bytes: Uint8Array,
    properties?: Readonly<Record<string, string>>,
  ): Promise<string>
  /** A small raw image that is active, and a flavor. */
  prepare(): Promise<{ image: string; flavor: string }>
  /** Asks for a server. @returns its id. */
  create(name: string, image: string, flavor: string): Promise<string>
}

/** As `admin` or `demo`, each in the project of that name, with the password that the state path keeps. */
export async function apiClient(
  cloud: Pick<CloudProcess, 'url' | 'statePath'>,
  name: 'admin' | 'demo' = 'admin',
): Promise<ApiClient> {
  const secrets = JSON.parse(readFileSync(join(cloud.statePath, 'secrets.json'), 'utf8')) as Record<string, string>
  const domain = { name: 'Default' }
  const user = { name, domain, password: secrets[`${name}_password`] }
  const login = await fetch(`${cloud.url}/identity/v3/auth/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      auth: {
        identity: { methods: ['password'], password: { user } },
        scope: { project: { name, domain } },
      },
    }),
  })
  if (login.status !== 201) throw new Error(`no token: ${login.status} ${await login.text()}`)
  return clientAt(cloud.url, login.headers.get('x-subject-token') ?? '')
}

/** With a token that is there already. */
export function clientAt(url: string, token: string): ApiClient {
  function request(
    method: string,
    path: string,
    options: { body?: unknown; headers?: Record<string, string> } = {},
  ): Promise<Response> {
    const raw = options.body instanceof Uint8Array
    return fetch(`${url}${path}`, {
      method,
      headers: {
        'x-auth-token': token,
        'content-type': raw ? 'application/octet-stream' : 'application/json',
        ...options.headers,
      },
      ...(options.body === undefined
        ? {}
        : { body: raw ? (options.body as Uint8Array<ArrayBuffer>) : JSON.stringify(options.body) }),
    })
  }
  async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await request(method, path, { body })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
    return (text ? JSON.parse(text) : null) as T
  }
  async function upload(
    name: string,
    disk_format: 'raw' | 'qcow2',
    bytes: Uint8Array,
    properties: Readonly<Record<string, string>> = {},
  ): Promise<string> {
    const image = { name, disk_format, container_format: 'bare', ...properties }
    const { id } = await call<{ id: string }>('POST', '/image/v2/images', image)
    await call('PUT', `/image/v2/images/${id}/file`, bytes)
    return id
  }
  return {
    token,
    get: (path) => call('GET', path),
    post: (path, body) => call('POST', path, body),
    delete: (path) => call('DELETE', path),
    request,
    upload,
    async prepare() {
      const image = await upload('small', 'raw', new Uint8Array(4096))
      const flavor = { name: `small-${image.slice(0, 8)}`, vcpus: 1, ram: 64, disk: 1 }
      const made = await call<{ flavor: { id: string } }>('POST', '/compute/v2.1/flavors', { flavor })
      return { image, flavor: made.flavor.id }
    },
    async create(name, imageRef, flavorRef) {
      const server = { name, imageRef, flavorRef }
      return (await call<{ server: { id: string } }>('POST', '/compute/v2.1/servers', { server })).server.id
    },
  }
}
