import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { ADMIN_PASSWORD, login, START_TIMEOUT_MS } from '../../../test/support/identity.ts'
import { serveIdentity, type TestIdentityApi } from '../../../test/support/identity-api.ts'
import { newHexId } from '../../kernel/index.ts'

// oxlint-disable-next-line no-explicit-any
type Body = any

describe('groups', () => {
  let api: TestIdentityApi
  let admin: string
  let project: Body
  let member: Body

  beforeAll(async () => {
    api = await serveIdentity()
    admin = (await login(api.identity, 'admin', ADMIN_PASSWORD, 'admin')).token
    project = await made('/v3/projects', { project: { name: 'p9' } })
    member = (await ask('GET', '/v3/roles?name=member')).body.roles[0]
  }, START_TIMEOUT_MS)
  afterAll(() => api.stop())

  const ask = (method: string, path: string, body?: unknown, token = admin) =>
    api.request(method, path, { token, ...(body === undefined ? {} : { body }) })
  async function made(path: string, body: object): Promise<Body> {
    const answer = await ask('POST', path, body)
    expect(answer.status).toBe(201)
    return Object.values(answer.body)[0]
  }
  const group = () => made('/v3/groups', { group: { name: newHexId(), description: 'd' } })
  const user = (name = newHexId()) => made('/v3/users', { user: { name, password: 'secret' } })
  const rolesOf = async (name: string) =>
    login(api.identity, name, 'secret', 'p9').then(
      ({ token }) => api.identity.verify(token).roles.map((role) => role.name),
      () => null,
    )

  test('are made, found, changed and deleted as Keystone’s', async () => {
    const one = await group()
    expect(Object.keys(one).toSorted()).toEqual(['description', 'domain_id', 'id', 'links', 'name'])
    expect((await ask('GET', `/v3/groups?name=${one.name}`)).body.groups).toEqual([one])
    expect((await ask('POST', '/v3/groups', { group: { name: one.name } })).status).toBe(409)
    expect((await ask('PATCH', `/v3/groups/${one.id}`, { group: { name: 'renamed' } })).body.group.name).toBe('renamed')
    expect((await ask('DELETE', `/v3/groups/${one.id}`)).status).toBe(204)
    expect((await ask('GET', `/v3/groups/${one.id}`)).body.error.message).toBe(`Could not find group: ${one.id}.`)
    for (const body of [{}, { group: {} }, { group: { name: '' } }, { group: { name: 'x', domain_id: 'none' } }]) {
      expect((await ask('POST', '/v3/groups', body)).status).toBe(400)
    }
  })

  test('have members, each once', async () => {
    const [one, alice] = [await group(), await user()]
    const path = `/v3/groups/${one.id}/users/${alice.id}`
    expect((await ask('GET', path)).status).toBe(404)
    expect((await ask('PUT', path)).status).toBe(204)
    expect((await ask('PUT', path)).status).toBe(204)
    expect((await ask('GET', path)).status).toBe(204)
    expect((await ask('GET', `/v3/groups/${one.id}/users`)).body.users.map((each: Body) => each.id)).toEqual([alice.id])
    expect((await ask('GET', `/v3/users/${alice.id}/groups`)).body.groups).toEqual([one])
    expect((await ask('PUT', `/v3/groups/${one.id}/users/${newHexId()}`)).status).toBe(404)
    expect((await ask('PUT', `/v3/groups/${newHexId()}/users/${alice.id}`)).status).toBe(404)
    expect((await ask('DELETE', path)).status).toBe(204)
    expect((await ask('DELETE', path)).status).toBe(404)
  })

  test('give their roles to their members, and take them back', async () => {
    const [one, alice] = [await group(), await user()]
    const grant = `/v3/projects/${project.id}/groups/${one.id}/roles/${member.id}`
    await ask('PUT', `/v3/groups/${one.id}/users/${alice.id}`)
    expect(await rolesOf(alice.name)).toBeNull()
    expect((await ask('PUT', grant)).status).toBe(204)
    expect((await ask('GET', grant)).status).toBe(204)
    expect(await rolesOf(alice.name)).toEqual(['member', 'reader'])
    expect((await ask('GET', `/v3/users/${alice.id}/projects`)).body.projects.map((each: Body) => each.name)).toEqual([
      'p9',
    ])
    const { token } = await login(api.identity, alice.name, 'secret', 'p9')
    expect((await ask('DELETE', grant)).status).toBe(204)
    expect(await rolesOf(alice.name)).toBeNull()
    expect((await ask('GET', '/v3/auth/projects', undefined, token)).status).toBe(401)
  })

  test('end the rights of whoever leaves, and of all when they are deleted', async () => {
    const [one, alice, bob] = [await group(), await user(), await user()]
    await ask('PUT', `/v3/projects/${project.id}/groups/${one.id}/roles/${member.id}`)
    for (const { id } of [alice, bob]) await ask('PUT', `/v3/groups/${one.id}/users/${id}`)
    const tokens = [await login(api.identity, alice.name, 'secret', 'p9'), await login(api.identity, bob.name, 'secret', 'p9')]
    await ask('DELETE', `/v3/groups/${one.id}/users/${alice.id}`)
    expect((await ask('GET', '/v3/auth/projects', undefined, tokens[0]!.token)).status).toBe(401)
    expect((await ask('GET', '/v3/auth/projects', undefined, tokens[1]!.token)).status).toBe(200)
    await ask('DELETE', `/v3/groups/${one.id}`)
    expect((await ask('GET', '/v3/auth/projects', undefined, tokens[1]!.token)).status).toBe(401)
    expect(await rolesOf(bob.name)).toBeNull()
  })

  test('stand in the list of assignments, and their members where effective ones are asked for', async () => {
    const [one, alice] = [await group(), await user()]
    await ask('PUT', `/v3/projects/${project.id}/groups/${one.id}/roles/${member.id}`)
    await ask('PUT', `/v3/groups/${one.id}/users/${alice.id}`)
    const list = async (query: string) => (await ask('GET', `/v3/role_assignments?${query}`)).body.role_assignments
    const [own] = await list(`group.id=${one.id}&include_names`)
    expect(own).toMatchObject({
      group: { id: one.id, name: one.name, domain: { id: 'default', name: 'Default' } },
      role: { name: 'member' },
      scope: { project: { name: 'p9' } },
    })
    expect(own).not.toHaveProperty('user')
    expect(own.links.assignment).toEndWith(`/v3/projects/${project.id}/groups/${one.id}/roles/${member.id}`)
    expect(await list(`user.id=${alice.id}`)).toEqual([])
    const effective = await list(`user.id=${alice.id}&effective&include_names`)
    expect(effective.map((each: Body) => each.role.name)).toEqual(['member', 'reader'])
    expect(effective[0].links.membership).toEndWith(`/v3/groups/${one.id}/users/${alice.id}`)
  })

  test('are what trusts are not: those are refused with what to use instead', async () => {
    const { status, body } = await ask('GET', '/v3/OS-TRUST/trusts')
    expect([status, body.error.message]).toEqual([
      501,
      'Trusts are not offered here. Application credentials let programs act for a user.',
    ])
  })
})
