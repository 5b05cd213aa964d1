import { afterAll, beforeAll, expect, test } from 'bun:test'
import { type NetworkApi, serveNetwork } from '../../../test/support/network-api.ts'
import { differences, exchangesWith, Stands } from '../../../test/support/recordings.ts'
import { newHexId } from '../../kernel/index.ts'

/** Of the recording: the external network, a port that a server had, and the project. */
const PUBLIC = '26729768-48a7-4193-a99a-a00c30751e17'
const PORT_OF_SERVER = '3449a016-66a2-4262-b9ac-aeeea1f777e3'
const PROJECT = 'bdba6c8b51704f02b51fbf76f2cdc0fc'

/** Where the outcome is another one here, and why. */
const OTHERWISE: Readonly<Record<string, number>> = {
  // An empty list says as much, and clients need not handle a refusal.
  '/v2.0/qos/policies': 200,
}

const ALLOWANCES = {
  // Said in the answer to a create only; and what comes with extensions of quotas for what is not here.
  leftOut: new Set(['is_default', 'standard_attr_id', 'rbac_policy', 'subnetpool']),
}

const exchanges = (await exchangesWith('network')).filter(
  // Names of providers are those of the real service's drivers.
  ({ path }) => path !== '/v2.0/service-providers',
)

let api: NetworkApi
const project = newHexId()
const stands = new Stands(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)

beforeAll(async () => {
  api = await serveNetwork('203.0.113.0/24')
  await api.networks.bootstrap()
  const [external] = (await api.request('GET', '/v2.0/networks?name=public', `${project}:admin`)).body.networks
  stands.set(PUBLIC, external.id)
  stands.set(PROJECT, project)
})
afterAll(() => api.stop())

test.each(exchanges.map((exchange, index) => [index + 1, exchange.command, exchange] as const))(
  'exchange %d, %s: the same status and form of answer',
  async (_, __, exchange) => {
    const { method, query, request } = exchange
    const path = stands.here(exchange.path) + (query === '' ? '' : `?${stands.here(query)}`)
    const body = request === null ? undefined : JSON.parse(stands.here(JSON.stringify(request)))
    const answer = await api.request(method, path, `${project}:admin`, body)
    expect(answer.status).toBe(OTHERWISE[exchange.path] ?? exchange.status)
    if (exchange.response === null || answer.status !== exchange.status) return
    expect(differences(exchange.response, answer.body ?? null, ALLOWANCES)).toEqual([])
    stands.pair(exchange.response, answer.body)
    // There are no servers here: the port that was made by hand stands for one's.
    if (exchange.command.startsWith('openstack port create') && method === 'POST') {
      stands.set(PORT_OF_SERVER, answer.body.port.id)
    }
  },
)
