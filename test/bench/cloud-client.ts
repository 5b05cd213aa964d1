import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The few calls that the bench makes, over HTTP as any client would. */
export interface Client {
  prepare(): Promise<{ image: string; flavor: string }>
  /** Asks for a server and looks at it every `poll_ms`. @returns its id when it is ACTIVE. */
  boot(name: string, image: string, flavor: string, poll_ms: number): Promise<string>
  show(id: string): Promise<{ status: string }>
  detail(limit: number): Promise<number>
}

/** A server that is not ACTIVE by then counts as a failure of the bench. */
const BOOT_DEADLINE_MS = 30_000

export async function login(url: string, statePath: string): Promise<Client> {
  const openrc = readFileSync(join(statePath, 'openrc'), 'utf8')
  const variable = (name: string): string => new RegExp(`^export ${name}='(.*)'$`, 'm').exec(openrc)?.[1] ?? ''
  const domain = { name: 'Default' }
  const answer = await fetch(`${url}/identity/v3/auth/tokens`, {
    method: 'POST',
    body: JSON.stringify({
      auth: {
        identity: {
          methods: ['password'],
          password: { user: { name: variable('OS_USERNAME'), domain, password: variable('OS_PASSWORD') } },
        },
        scope: { project: { name: variable('OS_PROJECT_NAME'), domain } },
      },
    }),
    headers: { 'content-type': 'application/json' },
  })
  if (answer.status !== 201) throw new Error(`no token: ${answer.status} ${await answer.text()}`)
  const headers = { 'x-auth-token': answer.headers.get('x-subject-token') ?? '', 'content-type': 'application/json' }

  async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(`${url}${path}`, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return (text ? JSON.parse(text) : null) as T
  }

  const show = async (id: string): Promise<{ status: string }> =>
    (await call<{ server: { status: string } }>('GET', `/compute/v2.1/servers/${id}`)).server

  return {
    async prepare() {
      const image = await call<{ id: string }>('POST', '/image/v2/images', {
        name: 'bench',
        disk_format: 'raw',
        container_format: 'bare',
      })
      const upload = await fetch(`${url}/image/v2/images/${image.id}/file`, {
        method: 'PUT',
        headers: { ...headers, 'content-type': 'application/octet-stream' },
        body: new Uint8Array(4096),
      })
      if (!upload.ok) throw new Error(`upload: ${upload.status} ${await upload.text()}`)
      const flavor = { name: 'bench', vcpus: 1, ram: 64, disk: 1 }
      const made = await call<{ flavor: { id: string } }>('POST', '/compute/v2.1/flavors', { flavor })
      return { image: image.id, flavor: made.flavor.id }
    },
    async boot(name, imageRef, flavorRef, poll_ms) {
      const body = { server: { name, imageRef, flavorRef } }
      const { id } = (await call<{ server: { id: string } }>('POST', '/compute/v2.1/servers', body)).server
      for (const deadline = Date.now() + BOOT_DEADLINE_MS; Date.now() < deadline; ) {
        const { status } = await show(id)
        if (status === 'ACTIVE') return id
        if (status === 'ERROR') throw new Error(`server ${id} failed: ${JSON.stringify(await show(id))}`)
        await Bun.sleep(poll_ms)
      }
      throw new Error(`server ${id} is not ACTIVE after ${BOOT_DEADLINE_MS / 1000} s`)
    },
    show,
    detail: async (limit) =>
      (await call<{ servers: unknown[] }>('GET', `/compute/v2.1/servers/detail?limit=${limit}`)).servers.length,
  }
}
