import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type ComputeApi, OTHER_PROJECT, type Person, PROJECT, startComputeApi } from '../../../test/support/compute-api.ts'

let api: ComputeApi
const ids: string[] = []

/** Within the day that is asked about: one all day long, one for six hours, and one of another project for one. */
beforeAll(async () => {
  api = await startComputeApi()
  const at = (time: string) => new Date(`${time}Z`)
  const add = async (changes: Parameters<ComputeApi['addServer']>[0]) => ids.push((await api.addServer(changes)).id)
  await add({ name: 'long', launched_at: at('2026-01-01T00:00:00') })
  const terminated_at = at('2026-02-01T06:00:00')
  await add({ name: 'short', launched_at: at('2026-01-31T12:00:00'), terminated_at, deleted_at: terminated_at })
  await add({ project_id: OTHER_PROJECT, launched_at: at('2026-02-01T23:00:00') })
  await add({ name: 'before', launched_at: at('2026-01-01T00:00:00'), terminated_at: at('2026-01-02T00:00:00') })
  await add({ name: 'after', launched_at: at('2026-02-03T00:00:00') })
  await add({ name: 'never ran', launched_at: null })
})
afterAll(() => api.stop())

const DAY = 'start=2026-02-01T00:00:00&end=2026-02-02T00:00:00'
const show = (query = DAY, v = '2.1', as: Person = 'reader', project = PROJECT) =>
  api.ask('GET', `/os-simple-tenant-usage/${project}?${query}`, { as, v })
const list = (query = DAY, v = '2.1', as: Person = 'admin') =>
  api.ask('GET', `/os-simple-tenant-usage?${query}`, { as, v })

describe('the usage of a project', () => {
  test('counts the hours of its servers within the period, deleted ones too', async () => {
    const { tenant_usage: usage } = (await show()).body
    const { server_usages, ...total } = usage
    expect(total).toEqual({
      tenant_id: PROJECT,
      start: '2026-02-01T00:00:00.000000',
      stop: '2026-02-02T00:00:00.000000',
      total_hours: 30,
      total_vcpus_usage: 30,
      total_memory_mb_usage: 30 * 64,
      total_local_gb_usage: 30,
    })
    expect(server_usages.find((each: any) => each.name === 'short')).toEqual({
      instance_id: ids[1],
      name: 'short',
      tenant_id: PROJECT,
      flavor: 'm1.nano',
      vcpus: 1,
      memory_mb: 64,
      local_gb: 1,
      hours: 6,
      started_at: '2026-01-31T12:00:00.000000',
      ended_at: '2026-02-01T06:00:00.000000',
      state: 'terminated',
      uptime: 18 * 3600,
    })
    expect(server_usages.find((each: any) => each.name === 'long')).toMatchObject({ hours: 24, state: 'active' })
    expect(server_usages).toHaveLength(2)
  })

  test('of nothing is an empty object', async () => {
    expect((await show('start=2020-01-01T00:00:00&end=2020-01-02T00:00:00')).body).toEqual({ tenant_usage: {} })
  })

  test('ends now, though the period does not', async () => {
    const until = new Date(Date.now() + 86_400_000).toISOString().slice(0, 19)
    const { tenant_usage: usage } = (await show(`start=2026-01-01T00:00:00&end=${until}`)).body
    const long = usage.server_usages.find((each: any) => each.name === 'long')
    expect(long.hours).toBeLessThanOrEqual((Date.now() - Date.parse('2026-01-01T00:00:00Z')) / 3_600_000)
    expect(Date.parse(`${usage.stop}Z`)).toBeLessThanOrEqual(Date.now())
  })

  test('is for its readers and for admins', async () => {
    expect((await show(DAY, '2.1', 'stranger')).status).toBe(403)
    expect((await show(DAY, '2.1', 'admin')).status).toBe(200)
    expect((await list(DAY, '2.1', 'member')).status).toBe(403)
  })

  test('comes in pages of servers from 2.40 on', async () => {
    const first = (await show(`${DAY}&limit=1`, '2.40')).body
    expect(first.tenant_usage.server_usages).toHaveLength(1)
    const next = new URL(first.tenant_usage_links[0].href)
    const { body: second } = await show(next.search.slice(1), '2.40')
    const names = [first, second].map((each) => each.tenant_usage.server_usages[0].name)
    expect(names.sort()).toEqual(['long', 'short'])
    expect((await show(`${DAY}&limit=1`, '2.39')).body.tenant_usage.server_usages).toHaveLength(2)
    expect((await show(`${DAY}&marker=${crypto.randomUUID()}`, '2.40')).status).toBe(400)
    expect((await show(`${DAY}&limit=x`, '2.40')).status).toBe(400)
  })
})

describe('the usage of all projects', () => {
  test('is one entry for each, with its servers where they are asked for', async () => {
    const { tenant_usages: usages } = (await list()).body
    expect(usages.map((each: any) => [each.tenant_id, each.total_hours])).toEqual([
      [PROJECT, 30],
      [OTHER_PROJECT, 1],
    ])
    expect(usages[0]).not.toHaveProperty('server_usages')
    expect((await list(`${DAY}&detailed=1`)).body.tenant_usages[1].server_usages).toHaveLength(1)
  })

  test('goes on behind the marker, in the middle of a project too', async () => {
    const totals: Record<string, number> = {}
    let query: string | undefined = `${DAY}&limit=1`
    for (let page = 0; query !== undefined && page < 5; page++) {
      const { body } = await list(query, '2.40')
      for (const each of body.tenant_usages) totals[each.tenant_id] = (totals[each.tenant_id] ?? 0) + each.total_hours
      query = body.tenant_usages_links && new URL(body.tenant_usages_links[0].href).search.slice(1)
    }
    expect(totals).toEqual({ [PROJECT]: 30, [OTHER_PROJECT]: 1 })
  })
})

test('a period must be one', async () => {
  for (const query of ['start=yesterday', 'start=2026-13-01T00:00:00', 'start=2026-02-02T00:00:00&end=2026-02-01T00:00:00']) {
    expect([query, (await show(query)).status]).toEqual([query, 400])
  }
  expect((await show()).status).toBe(200)
  expect((await show('start=2026-02-01 00:00:00.000001'.replace(' ', '%20'))).status).toBe(200)
  expect([(await show(`${DAY}&x=1`, '2.74')).status, (await show(`${DAY}&x=1`, '2.75')).status]).toEqual([200, 400])
})
