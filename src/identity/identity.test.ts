import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { quietLog, type TestDatabases, testDatabases } from '../../test/support/database.ts'
import { ADMIN_PASSWORD, DEMO_PASSWORD, login, START_TIMEOUT_MS, testIdentity } from '../../test/support/identity.ts'
import { newHexId, systemClock } from '../kernel/index.ts'
import { createIdentity, type Credentials, type Identity, type ScopeRequest, type TokenInfo } from './index.ts'

let databases: TestDatabases
let identity: Identity

beforeAll(async () => {
  databases = await testDatabases()
  identity = await testIdentity(databases.global)
}, START_TIMEOUT_MS)
afterAll(async () => {
  await identity.close()
  await databases.drop()
})

const DEFAULT = { id: 'default' }
const REFUSED = { kind: 'unauthorized', message: 'The request you have made requires authentication.' }

describe('bootstrap', () => {
  test('makes what every cloud begins with, once', async () => {
    expect(await identity.bootstrap({ admin_password: 'other', node: 'b' })).toMatchObject({ created: false })
    expect(names(await identity.projects.list({}, {}))).toEqual(['admin', 'demo', 'service'])
    expect(names(await identity.users.list({}, {}))).toEqual(['admin', 'demo'])
    expect(names(await identity.roles.list({}, {}))).toEqual(['admin', 'manager', 'member', 'reader', 'service'])
    await login(identity, 'admin', ADMIN_PASSWORD, 'admin')
  })

  test('is not done again after the operator has renamed or deleted what it made', async () => {
    const { global: db, drop } = await testDatabases()
    const renamed = await testIdentity(db)
    const [admin, demo] = (await renamed.users.list({}, {})).items
    await renamed.users.update(admin!.id, { name: 'root' })
    await renamed.users.delete(demo!.id)
    expect(await renamed.bootstrap({ admin_password: 'other' })).toMatchObject({ created: false })
    expect(names(await renamed.users.list({}, {}))).toEqual(['root'])
    await renamed.close()
    await drop()
  })

  test('says for ever which node knows the first passwords', async () => {
    const { global: db, drop } = await testDatabases()
    const other = await createIdentity({
      db,
      clock: systemClock,
      log: quietLog,
      config: { token_expiration_s: 3600, password_hash_rounds: 4, region: 'RegionOne' },
    })
    expect(await other.bootstrap({ admin_password: 'a', node: 'first' })).toEqual({ created: true, node: 'first' })
    expect(await other.bootstrap({ admin_password: 'b', node: 'second' })).toEqual({ created: false, node: 'first' })
    await login(other, 'admin', 'a', 'admin')
    await other.close()
    await drop()
  })

  test('is done once when two processes start together', async () => {
    const empty = await testDatabases()
    const both = await Promise.all([testIdentity(empty.global), testIdentity(empty.global)])
    expect(names(await both[0].users.list({}, {}))).toEqual(['admin', 'demo'])
    await Promise.all(both.map((each) => each.close()))
    await empty.drop()
  })
})

describe('a password', () => {
  test('gives a token with the effective roles in the project', async () => {
    const info = identity.verify((await login(identity, 'admin', ADMIN_PASSWORD, 'admin')).token)
    expect(info).toMatchObject({
      methods: ['password'],
      user: { name: 'admin', domain: { id: 'default', name: 'Default' } },
      scope: { kind: 'project', project: { name: 'admin', domain: { id: 'default', name: 'Default' } } },
    })
    expect(roleNames(info)).toEqual(['admin', 'manager', 'member', 'reader'])
    expect(info.expiresAt_s - info.issuedAt_s).toBe(3600)
  })

  const scopes: [string, ScopeRequest, object, string[]][] = [
    ['the system', { kind: 'system' }, { kind: 'system' }, ['admin', 'manager', 'member', 'reader']],
    [
      'a domain by name',
      { kind: 'domain', domain: { name: 'Default' } },
      { kind: 'domain', domain: { id: 'default', name: 'Default' } },
      ['admin', 'manager', 'member', 'reader'],
    ],
    ['nothing', { kind: 'unscoped' }, { kind: 'unscoped' }, []],
  ]
  test.each(scopes)('gives a token for %s', async (_, scope, expected, roles) => {
    const info = identity.verify((await login(identity, 'admin', ADMIN_PASSWORD, scope)).token)
    expect(info.scope).toMatchObject(expected)
    expect(roleNames(info)).toEqual(roles)
  })

  test('gives the default project when no scope is asked for, and no scope when that is of no use', async () => {
    const { user, project } = await member()
    const credentials: Credentials = { method: 'password', user: { id: user.id }, password: 'secret' }
    const scopeNow = async () => (await identity.authenticate({ credentials, scope: { kind: 'default' } })).info.scope
    expect(await scopeNow()).toMatchObject({ kind: 'project', project: { id: project.id } })
    await identity.projects.update(project.id, { enabled: false })
    expect(await scopeNow()).toEqual({ kind: 'unscoped' })
    await identity.projects.delete(project.id)
    expect(await scopeNow()).toEqual({ kind: 'unscoped' })
  })

  const refusals: [string, Credentials, ScopeRequest][] = [
    ['a wrong password', passwordOf('demo', 'wrong'), { kind: 'unscoped' }],
    ['an empty password', passwordOf('demo', ''), { kind: 'unscoped' }],
    ['an unknown user', passwordOf('nobody', DEMO_PASSWORD), { kind: 'unscoped' }],
    ['a user of another domain', passwordOf('demo', DEMO_PASSWORD, 'elsewhere'), { kind: 'unscoped' }],
    ['a project without a role', passwordOf('demo', DEMO_PASSWORD), inProject('admin')],
    ['an unknown project', passwordOf('demo', DEMO_PASSWORD), inProject('nowhere')],
    ['an unknown project id', passwordOf('demo', DEMO_PASSWORD), { kind: 'project', project: { id: 'nowhere' } }],
    ['a domain without a role', passwordOf('demo', DEMO_PASSWORD), { kind: 'domain', domain: DEFAULT }],
    ['the system without a role', passwordOf('demo', DEMO_PASSWORD), { kind: 'system' }],
  ]
  test.each(refusals)('is refused in one and the same way for %s', async (_, credentials, scope) => {
    await expect(identity.authenticate({ credentials, scope })).rejects.toMatchObject(REFUSED)
  })

  test('of a disabled user, or one in a disabled domain, is refused', async () => {
    const { user } = await member()
    await identity.users.update(user.id, { enabled: false })
    await expect(loginAs(user, 'secret', { kind: 'unscoped' })).rejects.toMatchObject(REFUSED)

    const domain = await identity.domains.create({ name: newHexId() })
    const inside = await identity.users.create({ name: 'inside', domain_id: domain.id, password: 'secret' })
    const credentials: Credentials = { method: 'password', user: { id: inside.id }, password: 'secret' }
    await identity.authenticate({ credentials, scope: { kind: 'unscoped' } })
    await identity.domains.update(domain.id, { enabled: false })
    await expect(identity.authenticate({ credentials, scope: { kind: 'unscoped' } })).rejects.toMatchObject(REFUSED)
  })

  test('that was changed no longer works, and the new one does', async () => {
    const { user } = await member()
    await expect(identity.users.changePassword(user.id, 'wrong', 'new')).rejects.toMatchObject(REFUSED)
    await identity.users.changePassword(user.id, 'secret', 'new')
    await expect(loginAs(user, 'secret', { kind: 'unscoped' })).rejects.toMatchObject(REFUSED)
    await loginAs(user, 'new', { kind: 'unscoped' })
  })
})

describe('a token', () => {
  test('is exchanged for one in another scope that lives no longer and remembers where it came from', async () => {
    const { user, project } = await member()
    const first = await loginAs(user, 'secret', { kind: 'unscoped' })
    const second = await exchange(first.token, { kind: 'project', project: { id: project.id } })
    const third = await exchange(second.token, { kind: 'unscoped' })
    const [a, b, c] = [first, second, third].map(({ token }) => identity.verify(token)) as Infos
    expect(b).toMatchObject({ methods: ['password', 'token'], scope: { project: { id: project.id } } })
    expect([b.expiresAt_s, c.expiresAt_s]).toEqual([a.expiresAt_s, a.expiresAt_s])
    expect(b.auditIds).toEqual([expect.any(String), a.auditIds[0]])
    expect(c.auditIds).toEqual([expect.any(String), a.auditIds[0]])
    expect(new Set([a, b, c].map((info) => info.auditIds[0])).size).toBe(3)
  })

  test('that is revoked, garbled or of a deleted user cannot be exchanged', async () => {
    const { user } = await member()
    const { token } = await loginAs(user, 'secret', { kind: 'unscoped' })
    await expect(exchange(`${token}x`, { kind: 'unscoped' })).rejects.toMatchObject(REFUSED)
    await identity.revokeToken(identity.verify(token))
    await expect(exchange(token, { kind: 'unscoped' })).rejects.toMatchObject(REFUSED)
  })

  test('that another process has revoked cannot be exchanged, even before this one has heard of it', async () => {
    const { user } = await member()
    const { token } = await loginAs(user, 'secret', { kind: 'unscoped' })
    const other = await testIdentity(databases.global)
    await other.users.update(user.id, { password: 'new' })
    await expect(exchange(token, { kind: 'unscoped' })).rejects.toMatchObject(REFUSED)
    await other.close()
  })

  test('that was issued after a revocation can be exchanged', async () => {
    const { user, project } = await member()
    await identity.users.update(user.id, { password: 'new' })
    const { token } = await loginAs(user, 'new', { kind: 'unscoped' })
    const { info } = await exchange(token, { kind: 'project', project: { id: project.id } })
    expect(info.scope.kind).toBe('project')
  })

  test('can be exchanged after a role was taken and given back', async () => {
    const { user, project, role } = await member()
    const { token } = await loginAs(user, 'secret', { kind: 'unscoped' })
    const grant = { user_id: user.id, role_id: role.id, scope: 'project', scope_id: project.id } as const
    await identity.assignments.revoke(grant)
    await expect(exchange(token, { kind: 'project', project: { id: project.id } })).rejects.toMatchObject(REFUSED)
    await identity.assignments.grant(grant)
    const { info } = await exchange(token, { kind: 'project', project: { id: project.id } })
    expect(info.roles.map(({ id }) => id)).toContain(role.id)
  })

  test('for the use of a service carries the rights of the user', async () => {
    const { user, project } = await member()
    const { info } = await identity.issueFor(user, project)
    expect(info).toMatchObject({ user: { id: user.id }, scope: { project: { id: project.id } } })
    await expect(identity.issueFor(user, { id: 'nowhere' })).rejects.toMatchObject(REFUSED)
  })
})

describe('a token ends when', () => {
  type Member = Awaited<ReturnType<typeof member>>
  const ends: [string, (of: Member) => Promise<unknown>][] = [
    ['it is revoked', async (of) => identity.revokeToken(identity.verify(of.token))],
    ['its user is disabled', ({ user }) => identity.users.update(user.id, { enabled: false })],
    ['its user gets another password', ({ user }) => identity.users.update(user.id, { password: 'new' })],
    ['its user changes the password', ({ user }) => identity.users.changePassword(user.id, 'secret', 'new')],
    ['its user is deleted', ({ user }) => identity.users.delete(user.id)],
    ['its project is disabled', ({ project }) => identity.projects.update(project.id, { enabled: false })],
    ['its project is deleted', ({ project }) => identity.projects.delete(project.id)],
    [
      'a role is taken back in its project',
      ({ user, project, role }) =>
        identity.assignments.revoke({ user_id: user.id, role_id: role.id, scope: 'project', scope_id: project.id }),
    ],
    ['its domain is disabled', ({ domain }) => identity.domains.update(domain.id, { enabled: false })],
    ['a role it carries is deleted', ({ role }) => identity.roles.delete(role.id)],
    ['a role it carries implies less', ({ role, implied }) => identity.roles.endImplication(role.id, implied.id)],
  ]
  test.each(ends)('%s', async (_, act) => {
    const of = await member()
    const bystander = await member()
    identity.verify(of.token)
    await act(of)
    expect(() => identity.verify(of.token)).toThrow(REFUSED.message)
    identity.verify(bystander.token)
  })

  test('nothing of the kind happens: other changes leave it alone', async () => {
    const { user, project, role, token } = await member()
    await identity.users.update(user.id, { email: 'a@example.org', enabled: true })
    await identity.projects.update(project.id, { description: 'changed' })
    const other = await identity.projects.create({ name: newHexId() })
    const grant = { user_id: user.id, role_id: role.id, scope: 'project', scope_id: other.id } as const
    await identity.assignments.grant(grant)
    await identity.assignments.revoke(grant)
    identity.verify(token)
  })
})

describe('roles', () => {
  test('that imply each other in a circle are refused', async () => {
    const [a, b, c] = await Promise.all([newRole(), newRole(), newRole()])
    await identity.roles.imply(a.id, b.id)
    await identity.roles.imply(b.id, c.id)
    await expect(identity.roles.imply(c.id, a.id)).rejects.toMatchObject({ kind: 'forbidden' })
    await expect(identity.roles.imply(a.id, a.id)).rejects.toMatchObject({ kind: 'forbidden' })
  })

  test('of the bootstrap cannot be changed or deleted while they are immutable', async () => {
    const reader = (await identity.roles.list({ name: 'reader' }, {})).items[0]!
    await expect(identity.roles.delete(reader.id)).rejects.toMatchObject({ kind: 'forbidden' })
    await expect(identity.roles.update(reader.id, { name: 'x' })).rejects.toMatchObject({ kind: 'forbidden' })
    expect(await identity.roles.update(reader.id, { immutable: false })).toMatchObject({ immutable: false })
    expect(await identity.roles.update(reader.id, { immutable: true })).toMatchObject({ immutable: true })
  })

  test('are granted to what exists only', async () => {
    const { user, project, role } = await member()
    const grant = { user_id: user.id, role_id: role.id, scope: 'project', scope_id: project.id } as const
    for (const wrong of [{ user_id: 'x' }, { role_id: 'x' }, { scope_id: 'x' }, { scope: 'domain' as const }]) {
      await expect(identity.assignments.grant({ ...grant, ...wrong })).rejects.toMatchObject({ kind: 'not_found' })
    }
    await identity.assignments.grant(grant)
    await identity.assignments.check(grant)
    await identity.assignments.revoke(grant)
    await expect(identity.assignments.revoke(grant)).rejects.toMatchObject({ kind: 'not_found' })
    await expect(identity.assignments.check(grant)).rejects.toMatchObject({ kind: 'not_found' })
  })
})

describe('names', () => {
  test('are unique within a domain, and free in another', async () => {
    const domain = await identity.domains.create({ name: newHexId() })
    const name = newHexId()
    for (const thing of [identity.users, identity.projects]) {
      await thing.create({ name })
      await thing.create({ name, domain_id: domain.id })
      await expect(thing.create({ name })).rejects.toMatchObject({ kind: 'conflict' })
      const other = await thing.create({ name: newHexId() })
      await expect(thing.update(other.id, { name })).rejects.toMatchObject({ kind: 'conflict' })
    }
    await expect(identity.domains.create({ name: domain.name })).rejects.toMatchObject({ kind: 'conflict' })
  })

  test('are made in domains that exist', async () => {
    const nowhere = { name: newHexId(), domain_id: 'nowhere' }
    await expect(identity.users.create(nowhere)).rejects.toMatchObject({ kind: 'bad_request' })
    await expect(identity.projects.create(nowhere)).rejects.toMatchObject({ kind: 'bad_request' })
  })
})

describe('lists', () => {
  test('go on behind a marker, without a gap or a repeat', async () => {
    const domain = await identity.domains.create({ name: newHexId() })
    for (const name of ['c', 'a', 'e', 'b', 'd']) await identity.projects.create({ name, domain_id: domain.id })
    const seen: string[] = []
    let marker: string | undefined
    for (;;) {
      const page = await identity.projects.list({ domain_id: domain.id }, { limit: 2, marker })
      seen.push(...names(page))
      marker = page.items.at(-1)?.id
      if (!page.truncated) break
    }
    expect(seen).toEqual(['a', 'b', 'c', 'd', 'e'])
  })

  test('of assignments show implied roles with what they follow from when asked for the effective ones', async () => {
    const { user, project, role, implied } = await member()
    const filter = { user_id: user.id, scope_id: project.id }
    const shown = async (effective: boolean) => {
      const { items } = await identity.assignments.list({ ...filter, effective })
      return items.map((item) => [item.role_id, item.prior_role_id])
    }
    expect(await shown(false)).toEqual([[role.id, null]])
    expect((await shown(true)).toSorted()).toEqual([[implied.id, role.id], [role.id, null]].toSorted())
  })
})

describe('a domain', () => {
  test('is deleted only when disabled, and takes its users and projects with it', async () => {
    const { domain, user, project } = await member()
    await expect(identity.domains.delete(domain.id)).rejects.toMatchObject({ kind: 'forbidden' })
    await identity.domains.update(domain.id, { enabled: false })
    await identity.domains.delete(domain.id)
    await expect(identity.users.show(user.id)).rejects.toMatchObject({ kind: 'not_found' })
    await expect(identity.projects.show(project.id)).rejects.toMatchObject({ kind: 'not_found' })
    expect((await identity.assignments.list({ scope_id: project.id, effective: false })).items).toEqual([])
  })
})

describe('a project', () => {
  test('is placed under its parent and keeps it from being deleted', async () => {
    const { domain, project } = await member()
    const child = await identity.projects.create({ name: newHexId(), parent_id: project.id })
    expect(child).toMatchObject({ domain_id: domain.id, parent_id: project.id })
    await expect(identity.projects.delete(project.id)).rejects.toMatchObject({ kind: 'forbidden' })
    const elsewhere = { name: newHexId(), parent_id: project.id, domain_id: 'default' }
    await expect(identity.projects.create(elsewhere)).rejects.toMatchObject({ kind: 'bad_request' })
    await identity.projects.delete(child.id)
    await identity.projects.delete(project.id)
  })
})

describe('the catalog', () => {
  test('begins where the client reached us and has the same ids everywhere', () => {
    const [here, there] = ['http://a:8774', 'https://cloud.example/os'].map((url) => identity.catalog.entries(url))
    expect(here!.map(({ type, url }) => [type, url])).toEqual([
      ['compute', 'http://a:8774/compute/v2.1'],
      ['identity', 'http://a:8774/identity'],
      ['image', 'http://a:8774/image'],
      ['network', 'http://a:8774/network'],
      ['placement', 'http://a:8774/placement'],
    ])
    expect(there![0]!.endpoints[0]!.url).toBe('https://cloud.example/os/compute/v2.1')
    const ids = (entries: typeof here) => entries!.flatMap(({ id, endpoints }) => [id, ...endpoints.map((e) => e.id)])
    expect(ids(here)).toEqual(ids(there))
    expect(new Set(ids(here)).size).toBe(20)
  })
})

type Infos = [TokenInfo, TokenInfo, TokenInfo]

function exchange(token: string, scope: ScopeRequest) {
  return identity.authenticate({ credentials: { method: 'token', token }, scope })
}

function newRole() {
  return identity.roles.create({ name: newHexId() })
}

function names(list: { items: readonly { name: string }[] }): string[] {
  return list.items.map((item) => item.name)
}

function roleNames(info: TokenInfo): string[] {
  return info.roles.map((role) => role.name)
}

function passwordOf(name: string, password: string, domain = 'default'): Credentials {
  return { method: 'password', user: { name, domain: { id: domain } }, password }
}

function inProject(name: string): ScopeRequest {
  return { kind: 'project', project: { name, domain: DEFAULT } }
}

function loginAs(user: { id: string }, password: string, scope: ScopeRequest) {
  return identity.authenticate({ credentials: { method: 'password', user: { id: user.id }, password }, scope })
}

/** A user with a role, which implies another, in a project; all of them and their domain are new. */
async function member() {
  const domain = await identity.domains.create({ name: newHexId() })
  const project = await identity.projects.create({ name: newHexId(), domain_id: domain.id })
  const user = await identity.users.create({
    name: newHexId(),
    domain_id: domain.id,
    password: 'secret',
    default_project_id: project.id,
  })
  const [role, implied] = await Promise.all([newRole(), newRole()])
  await identity.roles.imply(role.id, implied.id)
  await identity.assignments.grant({ user_id: user.id, role_id: role.id, scope: 'project', scope_id: project.id })
  const { token } = await identity.issueFor(user, project)
  return { domain, project, user, role, implied, token }
}
