import { resolve } from 'node:path'
import { loadConfig } from '../../platform/config/index.ts'
import { type CloudClient, CloudError, connect } from '../client.ts'
import { findCredentials } from '../credentials.ts'

/** Options that every command which asks a cloud has. */
export const SESSION_OPTIONS = {
  'os-cloud': { type: 'string' },
  'state-path': { type: 'string' },
  json: { type: 'boolean', default: false },
} as const

export const SESSION_USAGE = `  --os-cloud NAME     a cloud of clouds.yaml; default: OS_CLOUD, else the OS_* variables of an openrc,
                      else the cloud on this machine
  --state-path DIR    where the cloud on this machine keeps its openrc
  --json              the API's answer as it is
  --help              this text`

export function openSession(values: { 'os-cloud'?: string; 'state-path'?: string }): Promise<CloudClient> {
  const own = values['state-path']
  const statePath = own === undefined ? loadConfig().config.DEFAULT.state_path : resolve(own)
  // Who names a cloud's own directory means that cloud, whatever the shell has in its environment.
  const env = own === undefined ? process.env : {}
  const credentials = findCredentials({ env, cloud: values['os-cloud'], statePath })
  return connect(credentials, new AbortController().signal)
}

interface Named {
  readonly id: string
  readonly name: string
}

/**
 * What a person means by an id or a name.
 * @throws {Error} where nothing has it, or several
 */
export async function findOne(
  what: string,
  wanted: string,
  byId: () => Promise<Named>,
  byName: () => Promise<readonly Named[]>,
): Promise<Named> {
  try {
    return await byId()
  } catch (error) {
    if (!(error instanceof CloudError) || ![400, 403, 404].includes(error.status)) throw error
  }
  const found = (await byName()).filter(({ name }) => name === wanted)
  if (found.length === 1) return found[0]!
  if (found.length === 0) throw new Error(`there is no ${what} ${wanted}`)
  throw new Error(`${found.length} ${what}s are called ${wanted}; say which by its id: ${found.map(({ id }) => id).join(', ')}`)
}

export async function findServer(client: CloudClient, wanted: string): Promise<Named> {
  // PostgreSQL reads this pattern; RegExp.escape writes for JavaScript (`\x77eb` for `web`).
  const exact = encodeURIComponent(`^${wanted.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}$`)
  const list = async (query: string) =>
    (await client.request<{ servers: Named[] }>('compute', 'GET', `/servers?name=${exact}${query}`)).servers
  return findOne(
    'server',
    wanted,
    async () => (await client.request<{ server: Named }>('compute', 'GET', `/servers/${encodeURIComponent(wanted)}`)).server,
    async () => {
      const own = await list('')
      // Only admins may look everywhere.
      return own.length > 0 ? own : list('&all_tenants=1').catch(() => [])
    },
  )
}

export function findFlavor(client: CloudClient, wanted: string): Promise<Named> {
  return findOne(
    'flavor',
    wanted,
    async () => (await client.request<{ flavor: Named }>('compute', 'GET', `/flavors/${encodeURIComponent(wanted)}`)).flavor,
    async () => (await client.request<{ flavors: Named[] }>('compute', 'GET', '/flavors?is_public=None')).flavors,
  )
}

export function findImage(client: CloudClient, wanted: string): Promise<Named> {
  return findOne(
    'image',
    wanted,
    () => client.request<Named>('image', 'GET', `/v2/images/${encodeURIComponent(wanted)}`),
    async () =>
      (await client.request<{ images: Named[] }>('image', 'GET', `/v2/images?name=${encodeURIComponent(wanted)}`)).images,
  )
}
