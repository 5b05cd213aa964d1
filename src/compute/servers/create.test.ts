import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type ComputeApi, IMAGE, PROJECT, startComputeApi } from '../../../test/support/compute-api.ts'

let api: ComputeApi
beforeAll(async () => {
  api = await startComputeApi({ instances: 10, cores: 12, ram: -1 })
})
afterAll(() => api.stop())

const create = (server: object) =>
  api.ask('POST', '/servers', {
    body: { server: { name: 'web', flavorRef: '42', imageRef: IMAGE.id, ...server } },
  })
const used = async () => (await api.compute.quotas.usageOf(PROJECT)).instances

async function clear(): Promise<void> {
  const { servers } = (await api.ask('GET', '/servers')).body
  await Promise.all(servers.map(({ id }: { id: string }) => api.ask('DELETE', `/servers/${id}`)))
  expect(await used()).toBe(0)
}

describe('the quota of a project', () => {
  test('is exact, however many requests come at once', async () => {
    const answers = await Promise.all(Array.from({ length: 100 }, () => create({})))
    expect(answers.filter(({ status }) => status === 202).length).toBe(10)
    expect(answers.filter(({ status }) => status === 403).length).toBe(90)
    expect(await used()).toBe(10)
    expect((await create({})).body.forbidden.message).toBe(
      'Quota exceeded for instances: Requested 1, but already used 10 of 10 instances',
    )
    await clear()
  })

  test('takes of several servers as many as fit, if that is enough', async () => {
    expect((await create({ name: 'a', max_count: 7 })).status).toBe(202)
    expect((await create({ name: 'b', min_count: 1, max_count: 7 })).status).toBe(202)
    expect(await used()).toBe(10)
    await clear()
    expect((await create({ name: 'a', max_count: 7 })).status).toBe(202)
    expect((await create({ name: 'b', min_count: 5, max_count: 7 })).status).toBe(403)
    expect(await used()).toBe(7)
    await clear()
  })

  test('counts cores as well: six of two', async () => {
    expect((await create({ flavorRef: '3', max_count: 9 })).status).toBe(202)
    expect(await used()).toBe(6)
    const refused = await create({})
    expect(refused.body.forbidden.message).toBe(
      'Quota exceeded for cores: Requested 1, but already used 12 of 12 cores',
    )
    await clear()
  })

  test('refuses more than it could ever hold without trying', async () => {
    expect((await create({ min_count: 100_000, max_count: 200_000 })).status).toBe(400)
    expect(await used()).toBe(0)
  })

  test('set for a project goes before the default', async () => {
    const path = `/os-quota-sets/${PROJECT}`
    await api.ask('PUT', path, { as: 'admin', body: { quota_set: { instances: 1 } } })
    expect((await create({})).status).toBe(202)
    expect((await create({})).status).toBe(403)
    const below = await api.ask('PUT', path, { as: 'admin', body: { quota_set: { instances: 0 } } })
    expect(below.status).toBe(400)
    const forced = await api.ask('PUT', path, { as: 'admin', body: { quota_set: { instances: 0, force: true } } })
    expect(forced.body.quota_set.instances).toBe(0)
    expect((await api.ask('DELETE', path, { as: 'admin' })).status).toBe(202)
    expect((await api.ask('GET', path)).body.quota_set.instances).toBe(10)
    await clear()
  })
})
