import { apiClient, type ApiClient } from './api-client.ts'
import { type CloudProcess, startCloudProcess } from './cloud-process.ts'
import { eventually } from './eventually.ts'

/** A server as the newest version shows it to an admin; what tests look at. */
export interface ShownServer {
  readonly id: string
  readonly name: string
  readonly status: string
  readonly description: string | null
  readonly flavor: { readonly original_name: string; readonly vcpus: number; readonly ram: number }
  readonly image: { readonly id: string } | ''
  readonly addresses: Readonly<Record<string, readonly { readonly addr: string }[]>>
  readonly fault?: { readonly code: number; readonly message: string }
  readonly 'OS-EXT-STS:task_state': string | null
  readonly 'OS-EXT-STS:vm_state': string
  readonly 'OS-EXT-STS:power_state': number
  readonly 'OS-EXT-SRV-ATTR:host': string | null
}

/** A cloud on simulated hosts, for flows of server actions over HTTP. */
export interface ServerCloud {
  readonly cloud: CloudProcess
  readonly admin: ApiClient
  readonly demo: ApiClient
  readonly image: string
  readonly flavor: string
  /** A server of `demo` that is ACTIVE. */
  active(name?: string): Promise<ShownServer>
  show(id: string): Promise<ShownServer>
  /** Any action; the status of the answer and its body. */
  act(id: string, body: object, options?: { as?: ApiClient; v?: string }): Promise<{ status: number; body: any; headers: Headers }>
  ask(method: string, path: string, options?: { as?: ApiClient; v?: string; body?: unknown }): Promise<{ status: number; body: any; headers: Headers }>
  /** Waits until it has this status and nothing is done to it. */
  settled(id: string, status: string): Promise<ShownServer>
  /** The actions of a server, oldest first, each with whether it failed. */
  actions(id: string): Promise<string[]>
  remove(): Promise<void>
}

const NEWEST = 'latest'
const NO_QUOTA = '[quota]\ninstances = -1\ncores = -1\nram = -1\n'

export async function startServerCloud({ hosts = 3, config = '' } = {}): Promise<ServerCloud> {
  const cloud = await startCloudProcess({
    args: ['--compute-driver', 'fake', '--fake-hosts', String(hosts)],
    config: `${NO_QUOTA}${config}`,
  })
  return serverCloud(cloud)
}

export async function serverCloud(cloud: CloudProcess): Promise<ServerCloud> {
  const [admin, demo] = await Promise.all([apiClient(cloud), apiClient(cloud, 'demo')])
  const { image, flavor } = await admin.prepare()
  await admin.request('PATCH', `/image/v2/images/${image}`, {
    body: [{ op: 'replace', path: '/visibility', value: 'public' }],
    headers: { 'content-type': 'application/openstack-images-v2.1-json-patch' },
  })

  const ask: ServerCloud['ask'] = async (method, path, { as = demo, v = NEWEST, body } = {}) => {
    const answer = await as.request(method, `/compute/v2.1${path}`, {
      ...(body === undefined ? {} : { body }),
      headers: { 'OpenStack-API-Version': `compute ${v}` },
    })
    const text = await answer.text()
    return { status: answer.status, body: text ? JSON.parse(text) : null, headers: answer.headers }
  }
  const show = async (id: string): Promise<ShownServer> => (await ask('GET', `/servers/${id}`, { as: admin })).body.server

  async function settled(id: string, status: string): Promise<ShownServer> {
    let server!: ShownServer
    await eventually(async () => {
      server = await show(id)
      const seen = [server.status, server['OS-EXT-STS:task_state'], status === 'ERROR' ? '' : (server.fault?.message ?? '')]
      if (JSON.stringify(seen) !== JSON.stringify([status, null, ''])) throw new Error(`it is ${seen}`)
    }, 20)
    return server
  }

  return {
    cloud,
    admin,
    demo,
    image,
    flavor,
    ask,
    show,
    settled,
    act: (id, body, options = {}) => ask('POST', `/servers/${id}/action`, { ...options, body }),
    async active(name = 'web') {
      const id = await demo.create(name, image, flavor)
      return settled(id, 'ACTIVE')
    },
    async actions(id) {
      const { body } = await ask('GET', `/servers/${id}/os-instance-actions`, { as: admin })
      return body.instanceActions.map(({ action, message }: { action: string; message: string | null }) =>
        message ? `${action}: ${message}` : action,
      ).reverse()
    },
    remove: () => cloud.remove(),
  }
}
