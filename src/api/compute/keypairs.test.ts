import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type ComputeApi, type Person, startComputeApi } from '../../../test/support/compute-api.ts'

const LIMIT = 5
let api: ComputeApi
beforeAll(async () => {
  api = await startComputeApi({ key_pairs: LIMIT })
})
afterAll(() => api.stop())

const PUBLIC_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8pLZ1vCq8Q4m1nY5Y0b2Jp6h6Q2o3mC0kqv0m1l2n3 me@home'
const create = (keypair: object, v = '2.2', as: Person = 'member') =>
  api.ask('POST', '/os-keypairs', { as, v, body: { keypair } })

describe('keypairs', () => {
  test('are imported', async () => {
    const { status, body } = await create({ name: 'imported', public_key: PUBLIC_KEY })
    expect(status).toBe(201)
    expect(body.keypair).toEqual({
      name: 'imported',
      type: 'ssh',
      public_key: PUBLIC_KEY,
      fingerprint: expect.stringMatching(/^([0-9a-f]{2}:){15}[0-9a-f]{2}$/),
      user_id: 'member-user',
    })
    expect((await create({ name: 'imported', public_key: PUBLIC_KEY })).status).toBe(409)
  })

  test('are made where no key is given, and the private part is shown once', async () => {
    const { body } = await create({ name: 'made' })
    expect(body.keypair.private_key).toStartWith('-----BEGIN RSA PRIVATE KEY-----')
    const shown = await api.ask('GET', '/os-keypairs/made')
    expect(shown.body.keypair.private_key).toBeUndefined()
    expect(shown.body.keypair.fingerprint).toBe(body.keypair.fingerprint)
  })

  test('are not made any more from 2.92 on', async () => {
    expect((await create({ name: 'new' }, '2.92')).status).toBe(400)
    expect((await create({ name: 'me@home', public_key: PUBLIC_KEY }, '2.91')).status).toBe(400)
    expect((await create({ name: 'me@home', public_key: PUBLIC_KEY }, '2.92')).status).toBe(201)
  })

  test.each([
    [{ name: 'a', public_key: 'nonsense' }],
    [{ name: 'a', public_key: '' }],
    [{ name: 'a', public_key: PUBLIC_KEY, type: 'gpg' }],
    [{ name: 'a', public_key: PUBLIC_KEY, type: 'x509' }],
    [{ name: 'a/b', public_key: PUBLIC_KEY }],
    [{ name: 'x'.repeat(256), public_key: PUBLIC_KEY }],
    [{ public_key: PUBLIC_KEY }],
    [{ name: 'a', public_key: PUBLIC_KEY, surplus: 1 }],
  ])('are refused as %p', async (keypair) => expect((await create(keypair)).status).toBe(400))

  test('belong to a user: nobody else sees them', async () => {
    expect((await api.ask('GET', '/os-keypairs/imported', { as: 'reader' })).status).toBe(404)
    expect((await api.ask('DELETE', '/os-keypairs/imported', { as: 'reader', v: '2.10' })).status).toBe(404)
    expect((await api.ask('GET', '/os-keypairs', { as: 'reader' })).body).toEqual({ keypairs: [] })
  })

  test('of another user are for admins, from 2.10 on', async () => {
    const path = '/os-keypairs/imported?user_id=member-user'
    expect((await api.ask('GET', path, { as: 'admin', v: '2.10' })).status).toBe(200)
    expect((await api.ask('GET', path, { as: 'admin', v: '2.9' })).status).toBe(404)
    expect((await api.ask('GET', path, { as: 'reader', v: '2.10' })).status).toBe(403)
    const given = { name: 'given', public_key: PUBLIC_KEY, user_id: 'reader-user' }
    expect((await create(given, '2.10', 'member')).status).toBe(403)
    expect((await create(given, '2.10', 'admin')).body.keypair.user_id).toBe('reader-user')
  })

  test('are listed by name, in pages from 2.35 on', async () => {
    const names = async (query: string, v: string) => {
      const { body } = await api.ask('GET', `/os-keypairs${query}`, { v })
      return {
        names: body.keypairs.map((each: { keypair: { name: string } }) => each.keypair.name),
        links: body.keypairs_links,
      }
    }
    expect((await names('?limit=1', '2.34')).names).toEqual(['imported', 'made', 'me@home'])
    const page = await names('?limit=2', '2.35')
    expect(page.names).toEqual(['imported', 'made'])
    expect(page.links[0].href).toBe(`${api.url}/v2.1/os-keypairs?limit=2&marker=made`)
    expect((await names('?marker=made', '2.35')).names).toEqual(['me@home'])
    expect((await api.ask('GET', '/os-keypairs?marker=none', { v: '2.35' })).status).toBe(400)
  })

  test('of a user are at most as many as the quota says, however many come at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        create({ name: `k${index}`, public_key: PUBLIC_KEY }, '2.2', 'stranger'),
      ),
    )
    expect(answers.filter(({ status }) => status === 201).length).toBe(LIMIT)
    const refused = answers.filter(({ status }) => status === 403)
    expect(refused.length).toBe(20 - LIMIT)
    expect(refused[0]!.body.forbidden.message).toBe('Quota exceeded, too many key pairs.')
  })
})
