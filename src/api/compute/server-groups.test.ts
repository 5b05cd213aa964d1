import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type ComputeApi, IMAGE, OTHER_PROJECT, type Person, PROJECT, startComputeApi } from '../../../test/support/compute-api.ts'

let api: ComputeApi

beforeAll(async () => {
  api = await startComputeApi({ server_groups: 3, server_group_members: 2 })
})
afterAll(() => api.stop())

const create = (server_group: object, v = '2.64', as: Person = 'member') =>
  api.ask('POST', '/os-server-groups', { v, as, body: { server_group } })
const list = async (query = '', as: Person = 'member') =>
  (await api.ask('GET', `/os-server-groups${query}`, { as, v: '2.64' })).body.server_groups
const remove = (id: string, as: Person = 'member') => api.ask('DELETE', `/os-server-groups/${id}`, { as })

describe('a server group', () => {
  test('is created, shown, listed and deleted', async () => {
    const { status, body } = await create({ name: 'spread', policy: 'anti-affinity', rules: { max_server_per_host: '3' } })
    expect(status).toBe(200)
    const group = {
      id: expect.any(String),
      name: 'spread',
      policy: 'anti-affinity',
      rules: { max_server_per_host: 3 },
      members: [],
      project_id: PROJECT,
      user_id: 'member-user',
    }
    expect(body.server_group).toEqual(group)
    const { id } = body.server_group
    const show = async (v: string) => (await api.ask('GET', `/os-server-groups/${id}`, { v, as: 'reader' })).body
    expect(await show('2.64')).toEqual({ server_group: group })
    expect(Object.keys((await show('2.63')).server_group).sort()).toEqual(
      ['id', 'members', 'metadata', 'name', 'policies', 'project_id', 'user_id'],
    )
    expect((await show('2.12')).server_group).toEqual({
      id,
      name: 'spread',
      policies: ['anti-affinity'],
      members: [],
      metadata: {},
    })
    expect(await list()).toEqual([group])
    expect((await remove(id)).status).toBe(204)
    expect((await remove(id)).status).toBe(404)
    expect(await list()).toEqual([])
  })

  test('takes a list of one policy until 2.64, and the soft ones from 2.15 on', async () => {
    const status = async (body: object, v: string) => {
      const answer = await create(body, v)
      if (answer.status === 200) await remove(answer.body.server_group.id)
      return answer.status
    }
    expect(await status({ name: 'g', policies: ['affinity'] }, '2.1')).toBe(200)
    expect(await status({ name: 'g', policies: ['soft-affinity'] }, '2.14')).toBe(400)
    expect(await status({ name: 'g', policies: ['soft-affinity'] }, '2.15')).toBe(200)
    expect(await status({ name: 'g', policies: ['affinity', 'anti-affinity'] }, '2.15')).toBe(400)
    expect(await status({ name: 'g', policies: [] }, '2.15')).toBe(400)
    expect(await status({ name: 'g', policy: 'affinity' }, '2.63')).toBe(400)
    expect(await status({ name: 'g', policies: ['affinity'] }, '2.64')).toBe(400)
    expect(await status({ name: 'g', policy: 'soft-affinity' }, '2.64')).toBe(200)
    expect(await status({ name: 'g', policy: 'other' }, '2.64')).toBe(400)
    expect(await status({ name: ' ', policy: 'affinity' }, '2.64')).toBe(400)
  })

  test('has rules only with anti-affinity', async () => {
    const rules = { max_server_per_host: 2 }
    expect((await create({ name: 'g', policy: 'affinity', rules })).status).toBe(400)
    expect((await create({ name: 'g', policy: 'anti-affinity', rules: { max_server_per_host: 0 } })).status).toBe(400)
    expect((await create({ name: 'g', policy: 'anti-affinity', rules: { other: 1 } })).status).toBe(400)
  })

  test('of another project is not found, but by admins', async () => {
    const { body } = await create({ name: 'g', policy: 'affinity' }, '2.64', 'stranger')
    const { id, project_id } = body.server_group
    expect(project_id).toBe(OTHER_PROJECT)
    expect((await api.ask('GET', `/os-server-groups/${id}`)).status).toBe(404)
    expect((await remove(id)).status).toBe(404)
    expect(await list('?all_projects=1')).toEqual([])
    expect((await list('?all_projects=1', 'admin')).map((group: any) => group.id)).toEqual([id])
    expect((await remove(id, 'admin')).status).toBe(204)
  })

  test('needs a member', async () => {
    expect((await create({ name: 'g', policy: 'affinity' }, '2.64', 'reader')).status).toBe(403)
    expect((await api.ask('GET', '/os-server-groups', { as: 'nobody' })).status).toBe(403)
    expect((await api.ask('GET', '/os-server-groups?bogus=1', { v: '2.75' })).status).toBe(400)
  })

  const boot = (group: string, more: object = {}, as: Person = 'member') =>
    api.ask('POST', '/servers', {
      v: '2.36',
      as,
      body: { server: { name: 'x', flavorRef: '1', imageRef: IMAGE.id, ...more }, 'os:scheduler_hints': { group } },
    })

  test('has the servers that were asked for with its id, until they are gone or it is', async () => {
    const { id } = (await create({ name: 'g', policy: 'affinity' })).body.server_group
    const members = async () => (await list()).find((group: any) => group.id === id).members
    const made = [await boot(id), await boot(id)].map(({ body }) => body.server.id)
    expect(await members()).toEqual(made)
    const groupsOf = async (server: string) =>
      (await api.ask('GET', `/servers/${server}`, { v: '2.71' })).body.server.server_groups
    expect(await groupsOf(made[0])).toEqual([id])
    expect((await api.ask('DELETE', `/servers/${made[0]}`)).status).toBe(204)
    expect(await members()).toEqual([made[1]])
    await remove(id)
    expect((await api.ask('GET', `/servers/${made[1]}`)).status).toBe(200)
  })

  test('takes no more servers than the quota has for a group', async () => {
    const { id } = (await create({ name: 'g', policy: 'anti-affinity' })).body.server_group
    expect((await boot(id, { min_count: 3 })).status).toBe(403)
    expect((await boot(id, { min_count: 2 })).status).toBe(202)
    const { status, body } = await boot(id)
    expect([status, body.forbidden.message]).toEqual([403, 'Quota exceeded, too many servers in group'])
    await remove(id)
  })

  test('of another project, or none at all, takes no server', async () => {
    const { id } = (await create({ name: 'g', policy: 'affinity' })).body.server_group
    for (const [group, as] of [[id, 'stranger'], [crypto.randomUUID(), 'member']] as const) {
      const { status, body } = await boot(group, {}, as)
      expect([status, body.badRequest?.message]).toEqual([400, `Instance group ${group} could not be found.`])
    }
    await remove(id)
  })
})

test('no number of parallel requests makes more groups than the quota has', async () => {
  const answers = await Promise.all(Array.from({ length: 8 }, () => create({ name: 'g', policy: 'affinity' })))
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 200, 403, 403, 403, 403, 403])
  const { body } = await api.ask('GET', '/limits')
  expect(body.limits.absolute).toMatchObject({ maxServerGroups: 3, totalServerGroupsUsed: 3 })
  const [first, second] = await list()
  expect((await list('?limit=1&offset=1')).map((group: any) => group.id)).toEqual([second.id])
  expect((await list('?limit=1')).map((group: any) => group.id)).toEqual([first.id])
})
