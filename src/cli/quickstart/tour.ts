import type { CloudClient } from '../client.ts'
import type { Screen } from './screen.ts'

/** Names of what the tour makes in the cloud. */
export const NAMES = { image: 'tiny', flavor: 'tiny', keypair: 'first', server: 'first' }

const BOOT_DEADLINE_MS = 120_000
const DELETE_DEADLINE_MS = 60_000
const CONSOLE_DEADLINE_MS = 20_000
const POLL_MS = 100
const CONSOLE_LINES = 5
const LOG_ADVICE = (logs: string): string => `Run it again with --keep and look into the log files in ${logs}`

interface Server {
  readonly id: string
  readonly status: string
  readonly fault?: { readonly message: string }
}

interface KeypairList {
  readonly keypairs: readonly { readonly keypair: { readonly name: string } }[]
}

export interface Tour {
  readonly screen: Screen
  readonly client: CloudClient
  /** The directory of the log files, for advice. */
  readonly logs: string
  readonly signal: AbortSignal
}

/** Uploads an image. @returns its id. */
export async function uploadImage({ screen, client, logs }: Tour, bytes: Uint8Array): Promise<string> {
  return screen.stage('upload', LOG_ADVICE(logs), async () => {
    const query = `name=${NAMES.image}&status=active`
    const found = await client.request<{ images: { id: string }[] }>('image', 'GET', `/v2/images?${query}`)
    if (found.images[0]) return [`image ${NAMES.image} is there already`, found.images[0].id]
    const image = await client.request<{ id: string }>('image', 'POST', '/v2/images', {
      name: NAMES.image,
      disk_format: 'qcow2',
      container_format: 'bare',
      visibility: 'public',
    })
    await client.upload(`/v2/images/${image.id}/file`, bytes)
    return [`image ${NAMES.image}, ${bytes.length / 1024} KiB`, image.id]
  })
}

/** @returns the id of the flavor, and the private key where one was made. */
export async function createFlavorAndKeypair({ screen, client, logs }: Tour): Promise<[string, string | null]> {
  return screen.stage('flavor', LOG_ADVICE(logs), async () => {
    const { flavors } = await client.request<{ flavors: { id: string; name: string }[] }>('compute', 'GET', '/flavors')
    const flavor = flavors.find(({ name }) => name === NAMES.flavor) ?? (await createFlavor(client))
    const { keypairs } = await client.request<KeypairList>('compute', 'GET', '/os-keypairs')
    const had = keypairs.some(({ keypair }) => keypair.name === NAMES.keypair)
    const key = had ? null : await createKeypair(client)
    return [`flavor ${NAMES.flavor} (64 MB, 1 vCPU, 1 GB disk) and keypair ${NAMES.keypair}`, [flavor.id, key]]
  })
}

async function createFlavor(client: CloudClient): Promise<{ id: string }> {
  const body = { flavor: { name: NAMES.flavor, ram: 64, vcpus: 1, disk: 1 } }
  return (await client.request<{ flavor: { id: string } }>('compute', 'POST', '/flavors', body)).flavor
}

async function createKeypair(client: CloudClient): Promise<string> {
  const body = { keypair: { name: NAMES.keypair } }
  const answer = await client.request<{ keypair: { private_key: string } }>('compute', 'POST', '/os-keypairs', body)
  return answer.keypair.private_key
}

/** Boots a server. @returns its id once it is ACTIVE. */
export async function bootServer(tour: Tour, imageId: string, flavorId: string): Promise<string> {
  const { screen, client, logs, signal } = tour
  return screen.stage('server', LOG_ADVICE(logs), async (update) => {
    const { server } = await client.request<{ server: { id: string } }>('compute', 'POST', '/servers', {
      server: { name: NAMES.server, imageRef: imageId, flavorRef: flavorId, key_name: NAMES.keypair },
    })
    const deadline = Date.now() + BOOT_DEADLINE_MS
    for (;;) {
      const now = (await client.request<{ server: Server }>('compute', 'GET', `/servers/${server.id}`)).server
      if (now.status === 'ACTIVE') return [`${NAMES.server} is ACTIVE`, server.id]
      if (now.status === 'ERROR') throw new Error(`it went to ERROR: ${now.fault?.message ?? 'without a reason'}`)
      if (Date.now() > deadline) throw new Error(`the server is still ${now.status} after ${BOOT_DEADLINE_MS / 1000} s`)
      update(now.status)
      await pause(signal)
    }
  })
}

/** @returns the first lines of the server's console log, once the guest has said that it is up. */
export async function consoleLines(tour: Tour, serverId: string): Promise<string[]> {
  const { screen, client, logs, signal } = tour
  return screen.stage('console', LOG_ADVICE(logs), async () => {
    const deadline = Date.now() + CONSOLE_DEADLINE_MS
    for (;;) {
      const body = { 'os-getConsoleOutput': {} }
      const path = `/servers/${serverId}/action`
      const { output } = await client.request<{ output: string }>('compute', 'POST', path, body)
      const lines = output.split(/\r?\n/).map((line) => line.trim()).filter(Boolean)
      if (output.includes('login:')) return ['the guest answers on its serial port', lines.slice(0, CONSOLE_LINES)]
      if (Date.now() > deadline) throw new Error(`the guest printed no login prompt in ${CONSOLE_DEADLINE_MS / 1000} s`)
      await pause(signal)
    }
  })
}

/** Deletes every server of the cloud, so that nothing of it stays on a hypervisor that outlives it. */
export async function deleteServers(client: CloudClient): Promise<void> {
  const all = async (): Promise<Server[]> =>
    (await client.request<{ servers: Server[] }>('compute', 'GET', '/servers/detail?all_tenants=1')).servers
  for (const server of await all()) await client.request('compute', 'DELETE', `/servers/${server.id}`)
  const deadline = Date.now() + DELETE_DEADLINE_MS
  while ((await all()).length > 0) {
    if (Date.now() > deadline) throw new Error(`servers are not gone after ${DELETE_DEADLINE_MS / 1000} s`)
    await Bun.sleep(POLL_MS)
  }
}

async function pause(signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  await Bun.sleep(POLL_MS)
}
