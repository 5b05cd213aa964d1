import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type ComputeApi, IMAGE, type Person, PROJECT, startComputeApi } from '../../../test/support/compute-api.ts'

let api: ComputeApi

beforeAll(async () => {
  api = await startComputeApi({ key_pairs: 2 })
  const flavor = { name: 'q', id: 'q', ram: 64, vcpus: 1, disk: 1 }
  await api.ask('POST', '/flavors', { as: 'admin', body: { flavor } })
})
afterAll(() => api.stop())

const set = (quota_set: object, query = '') =>
  api.ask('PUT', `/os-quota-sets/${PROJECT}${query}`, { as: 'admin', v: '2.60', body: { quota_set } })
const show = async (query = '') => (await api.ask('GET', `/os-quota-sets/${PROJECT}${query}`, { v: '2.60' })).body.quota_set
const create = (as: Person = 'member', more: object = {}) =>
  api.ask('POST', '/servers', {
    as,
    v: '2.60',
    body: { server: { name: 's', flavorRef: 'q', imageRef: IMAGE.id, networks: 'none', ...more } },
  })
/** Past the API: a request that no conductor takes keeps its share. */
async function deleteServers(): Promise<void> {
  const { body } = await api.ask('GET', '/servers?all_tenants=1', { as: 'admin' })
  for (const { id } of body.servers) await api.ask('DELETE', `/servers/${id}`, { as: 'admin' })
}

describe('quota', () => {
  test('is exact under 200 requests at the same time', async () => {
    await set({ instances: 7, cores: -1, ram: -1 })
    const answers = await Promise.all(Array.from({ length: 200 }, () => create()))
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(7)
    expect(answers.filter(({ status }) => status === 403)).toHaveLength(193)
    const { body } = await api.ask('GET', '/limits')
    expect(body.limits.absolute.totalInstancesUsed).toBe(7)
    await deleteServers()
  }, 60_000)

  test('of a user is exact too, and bounds nobody else of the project', async () => {
    await set({ instances: 20 })
    await set({ instances: 3 }, '?user_id=member-user')
    const answers = await Promise.all(Array.from({ length: 50 }, () => create()))
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(3)
    expect(answers.find(({ status }) => status === 403)!.body.forbidden.message).toBe(
      'Quota exceeded for instances: Requested 1, but already used 3 of 3 instances',
    )
    const detail = await api.ask('GET', `/os-quota-sets/${PROJECT}/detail?user_id=member-user`)
    expect(detail.body.quota_set.instances).toEqual({ limit: 3, in_use: 3, reserved: 0 })
    expect((await show()).instances).toBe(20)
    expect((await show('?user_id=reader-user')).instances).toBe(20)
    await deleteServers()
  }, 60_000)

  test('shrinks a request for several servers to what fits', async () => {
    await set({ instances: 5 })
    expect((await create('member', { min_count: 1, max_count: 9 })).status).toBe(202)
    const { body } = await api.ask('GET', '/limits')
    // The user's own limit, set above, is the lower one.
    expect(body.limits.absolute.totalInstancesUsed).toBe(3)
    expect((await create('member', { min_count: 3, max_count: 9 })).status).toBe(403)
    await deleteServers()
  })

  test('of a user lies within the project, and above what is used, unless it is forced', async () => {
    await set({ instances: 5 })
    const over = await set({ instances: 6 }, '?user_id=someone')
    expect([over.status, over.body.badRequest?.message]).toEqual([
      400,
      'Quota limit 6 for instances must be less than or equal to 5.',
    ])
    expect((await set({ instances: 6, force: true }, '?user_id=someone')).status).toBe(200)
    expect((await set({ instances: -1 }, '?user_id=someone')).status).toBe(400)
  })

  test('goes back to the defaults: of one user, or of the project with all its users', async () => {
    const reset = (query = '') => api.ask('DELETE', `/os-quota-sets/${PROJECT}${query}`, { as: 'admin' })
    expect((await reset('?user_id=someone')).status).toBe(202)
    expect((await show('?user_id=someone')).instances).toBe(5)
    expect((await show('?user_id=member-user')).instances).toBe(3)
    await reset()
    expect((await show('?user_id=member-user')).instances).toBe(10)
  })

  test('of keypairs is exact, and follows what is set', async () => {
    const add = (name: string) => api.ask('POST', '/os-keypairs', { v: '2.2', body: { keypair: { name } } })
    const answers = await Promise.all(['a', 'b', 'c', 'd'].map(add))
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(2)
    await set({ key_pairs: 3 })
    expect((await add('e')).status).toBe(201)
    expect((await add('f')).status).toBe(403)
  }, 30_000)
})

describe('quota classes', () => {
  const path = '/os-quota-class-sets/'
  const update = (name: string, quota_class_set: object) =>
    api.ask('PUT', path + name, { as: 'admin', v: '2.60', body: { quota_class_set } })

  test('set the defaults of every project, where the class is the default one', async () => {
    expect((await update('default', { server_groups: 4 })).body.quota_class_set.server_groups).toBe(4)
    expect((await show()).server_groups).toBe(4)
    const { body } = await api.ask('GET', `/os-quota-sets/${PROJECT}/defaults`)
    expect(body.quota_set.server_groups).toBe(4)
    await update('gold', { server_groups: 100 })
    expect((await api.ask('GET', `${path}gold`, { as: 'admin', v: '2.60' })).body.quota_class_set).toMatchObject({
      id: 'gold',
      server_groups: 100,
    })
    expect((await show()).server_groups).toBe(4)
  })

  test('are bounded as all limits are', async () => {
    expect((await update('default', { instances: -2 })).status).toBe(400)
    expect((await update('default', { nonsense: 1 })).status).toBe(400)
    expect((await update('x'.repeat(256), { instances: 1 })).status).toBe(400)
  })
})
