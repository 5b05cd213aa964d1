import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type ComputeApi, type Person, PROJECT, startComputeApi } from '../support/compute-api.ts'
import { type AnyRow, askRow, nameOf, rowsOf } from './rows.ts'
import { knownRoutes } from './routes.ts'

/** Every route with every persona: who has a right has it, and nobody else. Expected is what Nova's table says. */

let api: ComputeApi
let rows: AnyRow[]

beforeAll(async () => {
  api = await startComputeApi({ instances: -1, cores: -1, ram: -1, server_groups: -1 })
  rows = rowsOf(api).filter((row) => rulesOf.has(nameOf(row)))
})
afterAll(() => api.stop())

/** Who holds a rule of each kind, in the project that the request is about. */
const HOLDERS: Record<string, readonly Person[]> = {
  admin: ['admin'],
  manager: ['admin', 'manager'],
  member: ['admin', 'manager', 'member'],
  reader: ['admin', 'manager', 'member', 'reader'],
  service: ['admin', 'service'],
}
const PEOPLE: readonly Person[] = ['nobody', 'service', 'reader', 'member', 'manager', 'admin']

const rulesOf = new Map(knownRoutes.map((route) => [route.name, route.rules]))

/** The kind of the rule that decides a row, by Nova's table; null for a route that everybody with a token may ask. */
function personaOf(row: AnyRow): string | null {
  const rules = rulesOf.get(nameOf(row)) ?? []
  const rule = row.policy ?? rules[0]?.[0]
  return rules.find(([name]) => name === rule)?.[1] ?? null
}

/** Things of `PROJECT`, as far as a rule looks at them. */
function idsWith(server: string, group: string) {
  return (parameter: string, row: AnyRow): string => {
    if (parameter === 'server_id') return server
    if (row.path.startsWith('/os-server-groups')) return group
    if (/^\/os-(quota-sets|simple-tenant-usage)/.test(row.path)) return PROJECT
    return '1'
  }
}

/** New ones, as those who may delete them will. */
async function things() {
  const body = { server_group: { name: 'g', policies: ['affinity'] } }
  const { server_group } = (await api.ask('POST', '/os-server-groups', { body })).body
  // In a state in which nothing is begun that a conductor would have to finish.
  return idsWith((await api.addServer({ task_state: 'deleting' })).id, server_group.id)
}

const refused = ({ status, body }: { status: number; body: any }): boolean =>
  status === 403 && String(body.forbidden?.message).startsWith("Policy doesn't allow ")

const decided = (): AnyRow[] =>
  rows.filter((row) => HOLDERS[personaOf(row) ?? ''] !== undefined && !OPEN.test(nameOf(row)))

/** Their rule decides only what is shown. */
const OPEN = /^GET \/flavors/

describe('policy', () => {
  test.each(PEOPLE)('gives %s what Nova gives, route by route', async (person) => {
    const ids = await things()
    const wrong: string[] = []
    for (const row of decided()) {
      const allowed = HOLDERS[personaOf(row)!]!.includes(person)
      // What holds for a project's own people is not for those of other projects, whose server this is not.
      const foreign = person === 'service' && row.subject !== null
      const answer = await askRow(api, row, { ids: allowed ? await things() : ids, as: person })
      if (foreign ? answer.status !== 404 && !refused(answer) : refused(answer) === allowed) {
        wrong.push(`${nameOf(row)}: ${answer.status} ${JSON.stringify(answer.body ?? '').slice(0, 120)}`)
      }
    }
    expect(wrong).toEqual([])
  })

  test('lets everybody with a token ask what has no rule, or one for all', async () => {
    const ids = await things()
    const wrong: string[] = []
    for (const row of rows) {
      const persona = personaOf(row)
      if (persona !== null && persona !== 'any' && persona !== 'admin_or_self') continue
      const answer = await askRow(api, row, { ids, as: 'nobody' })
      if (refused(answer) && !/image|floating/.test(nameOf(row))) wrong.push(`${nameOf(row)}: ${answer.status}`)
    }
    expect(wrong).toEqual([])
  })

  test('refuses a token of the system as a whole wherever a rule is for projects', async () => {
    const ids = await things()
    const wrong: string[] = []
    for (const row of decided()) {
      const answer = await askRow(api, row, { ids, as: 'system' })
      if (!refused(answer)) wrong.push(`${nameOf(row)}: ${answer.status}`)
    }
    expect(wrong).toEqual([])
  })

  test('without a token nothing is answered', async () => {
    const ids = await things()
    const wrong: string[] = []
    for (const row of rows) {
      const answer = await askRow(api, row, { ids, as: null })
      if (answer.status !== 401 || !answer.headers.get('www-authenticate')) wrong.push(`${nameOf(row)}: ${answer.status}`)
    }
    expect(wrong).toEqual([])
  })

  test('believes nobody who says in a header who they are', async () => {
    const headers = {
      'X-User-Id': 'admin-user',
      'X-Project-Id': '99999999999999999999999999999999',
      'X-Roles': 'admin',
      'X-Role': 'admin',
      'X-Is-Admin-Project': 'True',
      'X-Identity-Status': 'Confirmed',
      'X-Service-Roles': 'admin',
    }
    const ids = await things()
    const wrong: string[] = []
    for (const row of decided().filter((each) => personaOf(each) === 'admin')) {
      const answer = await askRow(api, row, { ids, as: 'member', headers })
      if (!refused(answer)) wrong.push(`${nameOf(row)}: ${answer.status}`)
    }
    for (const row of rows) {
      const answer = await askRow(api, row, { ids, as: null, headers })
      if (answer.status !== 401) wrong.push(`${nameOf(row)}: ${answer.status}`)
    }
    expect(wrong).toEqual([])
  })
})
