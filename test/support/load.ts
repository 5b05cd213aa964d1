import type { ApiClient } from './api-client.ts'

/** What clients have been told of one server. `asked`: a delete whose answer did not come, or was 503. */
export type Fate = 'kept' | 'deleted' | 'asked'

export interface Load {
  /** Every server whose create request was accepted. */
  readonly fates: ReadonlyMap<string, Fate>
  /** How often each answer came: `POST 202`, or `POST lost` where the connection broke. */
  readonly answers: ReadonlyMap<string, number>
  /** Ends when the requests under way have been answered. */
  stop(): Promise<void>
}

/** Deletes rather than creates above this. */
const MAX_SERVERS = 30
const PAUSE_AFTER_FAILURE_MS = 20

/** Clients that create, look at, stop, start, reboot and delete servers, each as fast as it gets answers. */
export function startLoad(api: ApiClient, options: { image: string; flavor: string; clients: number }): Load {
  const fates = new Map<string, Fate>()
  const answers = new Map<string, number>()
  let stopping = false

  async function send(method: string, path: string, body?: object): Promise<Response | null> {
    const answer = await api.request(method, `/compute/v2.1/servers${path}`, { body }).catch(() => null)
    const key = `${method} ${answer?.status ?? 'lost'}`
    answers.set(key, (answers.get(key) ?? 0) + 1)
    if (!answer || answer.status === 503) await Bun.sleep(PAUSE_AFTER_FAILURE_MS)
    return answer
  }

  async function create(): Promise<void> {
    const server = { name: 'load', imageRef: options.image, flavorRef: options.flavor }
    const answer = await send('POST', '', { server })
    const body = answer?.status === 202 ? await answer.json().catch(() => null) : null
    if (body) fates.set((body as { server: { id: string } }).server.id, 'kept')
  }

  async function remove(id: string): Promise<void> {
    fates.set(id, 'asked')
    const answer = await send('DELETE', `/${id}`)
    if (answer?.status === 204) fates.set(id, 'deleted')
  }

  async function client(): Promise<void> {
    while (!stopping) {
      const kept = [...fates].filter(([, fate]) => fate === 'kept').map(([id]) => id)
      const id = kept[Math.floor(Math.random() * kept.length)]
      const dice = Math.random()
      if (!id || (dice < 0.35 && kept.length < MAX_SERVERS)) await create()
      else if (dice < 0.55) await remove(id)
      else if (dice < 0.65) await send('POST', `/${id}/action`, { 'os-stop': null })
      else if (dice < 0.75) await send('POST', `/${id}/action`, { 'os-start': null })
      else if (dice < 0.8) await send('POST', `/${id}/action`, { reboot: { type: 'HARD' } })
      else if (dice < 0.9) await send('GET', `/${id}`)
      else await send('GET', '/detail')
    }
  }

  const clients = Array.from({ length: options.clients }, client)
  return {
    fates,
    answers,
    async stop() {
      stopping = true
      await Promise.all(clients)
    },
  }
}
