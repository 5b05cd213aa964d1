/**
 * Measures the API on a cloud of many servers, as clients meet it: `bun run bench:api [--json]`.
 *
 * Program, PostgreSQL and clients share this machine. 100,000 servers are copies of one that was booted, written straight
 * into the cell's table; everything else is done over HTTP.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import postgres from 'postgres'
import { type ApiClient, apiClient } from '../support/api-client.ts'
import { insertManyServers } from '../support/many-servers.ts'
import { login } from './cloud-client.ts'
import { bench, median, type Note, quantile, rate, start, times } from './harness.ts'

const HOSTS = 20
const CLIENTS = 8
const SHOWN = 20
const SHOWS = 8_000
const FLAVORS = 12
const FLAVOR_LISTS = 16_000
const TOKENS = 1_500
const LOGINS = 128
const DETAIL_SERVERS = 1_000
const MANY = 100_000
const PAGE = 50
const PAGES = 60

async function measure(statePath: string, note: Note): Promise<void> {
  const cloud = await start(statePath, HOSTS)
  try {
    const client = await login(cloud.url, statePath)
    const api = await apiClient({ url: cloud.url, statePath })
    const { image, flavor } = await client.prepare()
    const boot = (index: number): Promise<string> => client.boot(`bench-${index}`, image, flavor, 10)
    const shown = await Promise.all(Array.from({ length: SHOWN }, (_, index) => boot(index)))
    const show = (index: number): Promise<unknown> => client.show(shown[index % SHOWN]!)

    await rate(CLIENTS, SHOWS / 8, show)
    note(`GET /servers/{id}, ${CLIENTS} clients`, await rate(CLIENTS, SHOWS, show), 'requests/s', '>= 3000')
    await measureFlavors(api, note)
    await measureTokens(api, statePath, show, note)
    await measureLists(api, statePath, note)
  } finally {
    await cloud.stop()
  }
}

async function measureFlavors(api: ApiClient, note: Note): Promise<void> {
  for (let index = 0; index < FLAVORS; index++) {
    await api.post('/compute/v2.1/flavors', { flavor: { name: `m${index}`, vcpus: 1 + index, ram: 512, disk: 1 } })
  }
  const list = (): Promise<unknown> => api.get('/compute/v2.1/flavors')
  await rate(CLIENTS, FLAVOR_LISTS / 8, list)
  note(`GET /flavors, ${CLIENTS} clients`, await rate(CLIENTS, FLAVOR_LISTS, list), 'requests/s', '>= 8000')
}

async function measureTokens(
  api: ApiClient,
  statePath: string,
  show: (index: number) => Promise<unknown>,
  note: Note,
): Promise<void> {
  const ask = (identity: object): Promise<Response> =>
    api.request('POST', '/identity/v3/auth/tokens', {
      body: { auth: { identity, scope: { project: { name: 'admin', domain: { name: 'Default' } } } } },
    })
  const byToken = async (): Promise<void> => {
    const { status } = await ask({ methods: ['token'], token: { id: api.token } })
    if (status !== 201) throw new Error(`no token: ${status}`)
  }
  await rate(CLIENTS, TOKENS / 5, byToken)
  note(`POST /auth/tokens by a token, ${CLIENTS} clients`, await rate(CLIENTS, TOKENS, byToken), 'requests/s', '>= 300')

  const secrets = JSON.parse(readFileSync(join(statePath, 'secrets.json'), 'utf8')) as Record<string, string>
  const user = { name: 'admin', domain: { name: 'Default' }, password: secrets.admin_password }
  const answers: number[] = []
  let waiting = LOGINS
  const logins = Array.from({ length: LOGINS }, async () => {
    answers.push((await ask({ methods: ['password'], password: { user } })).status)
    waiting--
  })
  const meanwhile: number[] = []
  for (let index = 0; waiting > 0; index++) meanwhile.push(...(await times(1, 0, () => show(index))))
  await Promise.all(logins)
  const unclear = answers.filter((status) => status !== 201 && status !== 503).length
  note(`GET /servers/{id} while ${LOGINS} password logins wait`, median(meanwhile), 'ms', '<= 10')
  note('  of these logins, answered with a token', answers.filter((status) => status === 201).length, 'logins')
  note('  of these logins, asked to come again later (503)', answers.filter((status) => status === 503).length, 'logins')
  note('  of these logins, answered otherwise', unclear, 'logins', '<= 0')
}

async function measureLists(api: ApiClient, statePath: string, note: Note): Promise<void> {
  const sql = postgres({
    path: join(statePath, 'postgres/run/.s.PGSQL.5432'),
    user: 'nova',
    database: 'postgres',
    max: 1,
    connection: { search_path: 'cell1' },
    onnotice: () => {},
  } as postgres.Options<Record<string, never>>)
  let ids: { id: string }[]
  try {
    const [like] = await sql`select to_jsonb(servers) as server from servers limit 1`
    await insertManyServers(sql as never, like!.server, MANY, 'b'.repeat(32))
    await sql`
      insert into global.server_mappings (server_id, project_id, user_id, cell_id, vcpus, memory_mb, created_at)
      select id, project_id, user_id, 'cell1', 1, 64, created_at from servers on conflict do nothing`
    await sql`analyze global.server_mappings`
    ids = await sql`select id from servers where project_id = ${like!.server.project_id} order by random() limit ${PAGES + 20}`
  } finally {
    await sql.end()
  }

  const get = (query: string): Promise<unknown> => api.get(`/compute/v2.1/servers/detail?${query}`)
  const detail = await times(20, 10, () => get(`limit=${DETAIL_SERVERS}`))
  note(`${DETAIL_SERVERS} servers in detail`, median(detail), 'ms', '<= 20')
  const orders = {
    'newest first': '',
    'by name': '&sort_key=display_name&sort_dir=asc',
    'newest first, all projects': '&all_tenants=1',
    'by when they were launched, all projects': '&all_tenants=1&sort_key=launched_at',
  }
  for (const [order, query] of Object.entries(orders)) {
    const pages = await times(PAGES, 20, (index) => get(`limit=${PAGE}&marker=${ids[index]!.id}${query}`))
    note(`page of ${PAGE} of ${MANY} servers, ${order}`, median(pages), 'ms', '<= 6')
    note('  of these pages, the slowest but one in twenty', quantile(pages, 0.95), 'ms')
  }
}

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } })
await bench(values.json, '[quota]\ninstances = -1\ncores = -1\nram = -1\n', measure)
