import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Server } from '../../cells/index.ts'
import { type ComputeApi, type Person, startComputeApi } from '../../../test/support/compute-api.ts'

let api: ComputeApi
const second = (n: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, n))

beforeAll(async () => {
  api = await startComputeApi()
  const rows: Partial<Server>[] = [
    { name: 'web-1', tags: ['red', 'blue'], hostname: 'web-1' },
    { name: 'web-2', tags: ['red'], vm_state: 'stopped', power_state: 4, flavor_id: '2' },
    { name: 'db-1', tags: [], task_state: 'rebooting', locked_by: 'owner', host: 'cmp2', node: 'n2' },
    { name: 'db-2', tags: ['green'], vm_state: 'error', key_name: 'other', availability_zone: 'az1' },
    { name: 'Web-3', vifs: [], config_drive: true, metadata: {} },
  ]
  for (const [index, row] of rows.entries()) {
    const at = second(index)
    await api.addServer({ ...row, created_at: at, updated_at: at, launched_at: at })
  }
})
afterAll(() => api.stop())

async function names(
  query: string,
  { v = '2.90', as = 'member' }: { v?: string; as?: Person } = {},
): Promise<string[]> {
  const { status, body } = await api.ask('GET', `/servers?${query}`, { v, as })
  expect([query, status]).toEqual([query, 200])
  return body.servers.map((server: { name: string }) => server.name)
}
const ALL = ['Web-3', 'db-2', 'db-1', 'web-2', 'web-1']

describe('a pattern', () => {
  test.each(['(.+)\\1', '(?=a)(?=b)', '(?<!a)b', '(a{1,100}){1,100}', '((a{9}){9}){99}', '(', ''])(
    'that would take long, or is none, is refused: %s',
    async (pattern) => {
      const { status, body } = await api.ask('GET', `/servers?name=${encodeURIComponent(pattern)}`)
      expect([status, body.badRequest.message]).toEqual([400, expect.stringContaining('name')])
    },
  )

  test.each(['(a+)+$', '(a|aa)+$', '(.*)*x', 'a{1,30}', '\\\\1', '[1-9]', '^(web|db)-[0-9]+$', '(.*)(.*)(.*)(.*)x'])(
    'that is only odd is looked for: %s',
    async (pattern) => {
      expect((await api.ask('GET', `/servers?name=${encodeURIComponent(pattern)}`)).status).toBe(200)
    },
  )
})

describe('a list of servers', () => {
  test('has the newest first', async () => expect(await names('')).toEqual(ALL))

  test.each<[string, string[]]>([
    ['name=web', ['Web-3', 'web-2', 'web-1']],
    ['name=^web-[12]$', ['web-2', 'web-1']],
    ['status=ACTIVE', ['Web-3', 'db-1', 'web-1']],
    ['status=reboot', ['db-1']],
    ['status=SHUTOFF&status=ERROR', ['db-2', 'web-2']],
    ['flavor=2', ['web-2']],
    ['flavor=none', []],
    ['image=70a599e0-31e7-49b7-b260-868f441e862b&name=db', ['db-2', 'db-1']],
    ['ip=10.0.0.7&name=3', []],
    ['ip=10\\.0', ['db-2', 'db-1', 'web-2', 'web-1']],
    ['ip6=10', []],
    ['tags=red', ['web-2', 'web-1']],
    ['tags=red,blue', ['web-1']],
    ['tags-any=blue,green', ['Web-3', 'db-2', 'web-1']],
    ['not-tags=red,blue', ['Web-3', 'db-2', 'db-1', 'web-2']],
    ['not-tags-any=red,blue', ['db-2', 'db-1']],
    ['locked=true', ['db-1']],
    ['locked=false&name=db', ['db-2']],
    ['power_state=4', ['web-2']],
    ['task_state=rebooting', ['db-1']],
    ['vm_state=error', ['db-2']],
    ['key_name=other', ['db-2']],
    ['availability_zone=az', ['db-2']],
    ['config_drive=true', ['Web-3']],
    ['hostname=web-1', ['web-1']],
    ['created_at=2026-01-01T00:00:02Z', ['db-1']],
    ['user_id=nobody', []],
    ['changes-since=2026-01-01T00:00:03Z', ['Web-3', 'db-2']],
    ['changes-before=2026-01-01T00:00:01Z', ['web-2', 'web-1']],
    ['status=NONSENSE', ['!']],
  ])('filtered by %s', async (query, expected) => {
    if (expected[0] === '!') return expect((await api.ask('GET', `/servers?${query}`, { v: '2.38' })).status).toBe(400)
    expect(await names(query)).toEqual(expected)
  })

  test('has nothing for a status that is none, until 2.38', async () => {
    expect(await names('status=NONSENSE', { v: '2.37' })).toEqual([])
  })

  test('drops filters that are not for everybody', async () => {
    for (const query of ['host=cmp2', 'node=n2', 'uuid=x', 'project_id=x', 'deleted=true']) {
      expect(await names(query, { v: '2.1' })).toEqual(ALL)
    }
    expect(await names('key_name=other', { v: '2.82' })).toEqual(ALL)
    expect(await names('hostname=web-1', { v: '2.89' })).toEqual(ALL)
    expect(await names('tags=red', { v: '2.25' })).toEqual(ALL)
    expect(await names('ip6=10', { v: '2.4' })).toEqual(ALL)
  })

  test('is filtered by admins as they like', async () => {
    const as = 'admin'
    expect(await names('all_tenants=1&host=cmp2', { as })).toEqual(['db-1'])
    expect(await names('all_tenants&display_description=x', { as, v: '2.1' })).toEqual([])
    expect(await names('host=cmp2', { as })).toEqual([])
  })

  test.each([
    'name=(',
    'limit=x',
    'limit=-1',
    'sort_key=colour',
    'sort_key=metadata',
    'sort_dir=up',
    'changes-since=soon',
    'changes-since=2026-02-01&changes-before=2026-01-01',
    'marker=none',
  ])('is refused for %s', async (query) =>
    expect((await api.ask('GET', `/servers?${query}`, { v: '2.66' })).status).toBe(400),
  )

  test('refuses unknown keys from 2.75 on', async () => {
    expect((await api.ask('GET', '/servers?bogus=1', { v: '2.74' })).status).toBe(200)
    expect((await api.ask('GET', '/servers?bogus=1', { v: '2.75' })).status).toBe(400)
  })

  test.each<[string, string[]]>([
    ['sort_key=display_name&sort_dir=asc', ['Web-3', 'db-1', 'db-2', 'web-1', 'web-2']],
    ['sort_key=vm_state&sort_dir=asc&sort_key=display_name&sort_dir=desc', ['web-1', 'db-1', 'Web-3', 'db-2', 'web-2']],
    ['sort_key=created_at&sort_dir=asc', ALL.toReversed()],
    ['sort_key=task_state', ['db-1', 'Web-3', 'db-2', 'web-2', 'web-1']],
  ])('sorted by %s', async (query, expected) => expect(await names(query)).toEqual(expected))

  test('is sorted by host for admins only', async () => {
    expect((await api.ask('GET', '/servers?sort_key=host')).status).toBe(403)
    expect((await names('all_tenants=1&sort_key=host&sort_dir=desc', { as: 'admin' }))[0]).toBe('db-1')
  })

  test.each(['', 'sort_key=display_name&sort_dir=asc', 'sort_key=task_state', 'sort_key=vm_state&sort_dir=desc'])(
    'sorted by %p comes in pages that miss none and repeat none',
    async (sort) => {
      const whole = await names(sort)
      const seen: string[] = []
      let path: string | undefined = `/servers?limit=2&${sort}`
      for (let page = 0; path !== undefined && page < 5; page++) {
        const { body }: { body: { servers: { name: string }[]; servers_links?: { href: string }[] } } = await api.ask(
          'GET',
          path,
        )
        seen.push(...body.servers.map((server) => server.name))
        path = body.servers_links?.[0]?.href.slice(`${api.url}/v2.1`.length)
      }
      expect(seen).toEqual(whole)
    },
  )

  test('has no link after a page that is not full, and nothing at a limit of 0', async () => {
    expect('servers_links' in (await api.ask('GET', '/servers?limit=6')).body).toBe(false)
    expect((await api.ask('GET', '/servers?limit=0')).body).toEqual({ servers: [] })
    expect((await api.ask('GET', '/servers/detail?limit=0')).body).toEqual({ servers: [] })
  })
})

describe('deleted servers', () => {
  test('are found by admins who ask, and by everybody who asks for changes', async () => {
    const { id } = await api.addServer({
      name: 'gone',
      vm_state: 'deleted',
      deleted_at: new Date(),
      created_at: second(9),
    })
    const v = '2.1'
    expect(await names('', { v })).toEqual(ALL)
    expect(await names('all_tenants=1&deleted=true', { as: 'admin', v })).toEqual(['gone'])
    expect(await names('all_tenants=1&status=deleted', { as: 'admin', v })).toEqual(['gone'])
    expect((await api.ask('GET', '/servers?status=deleted')).status).toBe(403)
    const changed = (await api.ask('GET', '/servers/detail?changes-since=2026-01-01')).body.servers
    expect(changed.find((server: { id: string }) => server.id === id).status).toBe('DELETED')
    expect((await api.ask('GET', `/servers/${id}`)).status).toBe(404)
  })
})
