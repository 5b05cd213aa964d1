import { apiClient } from '../support/api-client.ts'

/** The few calls that the bench makes, over HTTP as any client would. */
export interface Client {
  /** A small image that is active, and a flavor. */
  prepare(): Promise<{ image: string; flavor: string }>
  /** Asks for a server and looks at it every `poll_ms`. @returns its id when it is ACTIVE. */
  boot(name: string, image: string, flavor: string, poll_ms: number): Promise<string>
  show(id: string): Promise<{ status: string }>
  detail(limit: number): Promise<number>
}

/** A server that is not ACTIVE by then counts as a failure of the bench. */
const BOOT_DEADLINE_MS = 30_000

export async function login(url: string, statePath: string): Promise<Client> {
  const api = await apiClient({ url, statePath })
  const show = async (id: string): Promise<{ status: string }> =>
    (await api.get<{ server: { status: string } }>(`/compute/v2.1/servers/${id}`)).server

  return {
    prepare: api.prepare,
    async boot(name, image, flavor, poll_ms) {
      const id = await api.create(name, image, flavor)
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
      (await api.get<{ servers: unknown[] }>(`/compute/v2.1/servers/detail?limit=${limit}`)).servers.length,
  }
}
