import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { startTestCell, TEST_FLAVOR, type TestCell } from '../../../test/support/cell.ts'
import { quietLog } from '../../../test/support/quiet-log.ts'
import { differences, exchangesWith, Stands } from '../../../test/support/recordings.ts'
import { createPlacement } from '../../compute/index.ts'
import { newId, Problem, type RequestContext } from '../../kernel/index.ts'
import { asProblem } from '../../platform/db/index.ts'
import { type HttpServer, serve } from '../../platform/http/index.ts'
import { baseRules, createPolicy } from '../../platform/policy/index.ts'
import { placementFace, placementPolicy } from './index.ts'

// oxlint-disable-next-line no-explicit-any
type Body = any

describe('the placement API', () => {
  let cell: TestCell
  let server: HttpServer

  /** The token is the role, and the project's id after a colon. */
  function authenticate(call: { request: Request }): RequestContext {
    const [role, projectId = 'admins'] = call.request.headers.get('x-auth-token')?.split(':') ?? []
    if (!role) throw new Problem('unauthorized', 'The request you have made requires authentication.')
    return { projectId, userId: 'u', roles: [role, 'reader'], isAdmin: role === 'admin', systemScope: null } as never
  }

  async function ask(
    path: string,
    { version = '1.39', token = 'admin', method = 'GET' } = {},
  ): Promise<{ status: number; headers: Headers; body: Body }> {
    const response = await fetch(`${server.url}/placement${path}`, {
      method,
      headers: { 'x-auth-token': token, 'openstack-api-version': `placement ${version}` },
    })
    const text = await response.text()
    return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) }
  }
  const providers = async (): Promise<Body[]> => (await ask('/resource_providers')).body.resource_providers
  const first = async (): Promise<Body> => (await providers())[0]

  beforeAll(async () => {
    cell = await startTestCell({ hosts: 3, vcpus: 16, traits: ['CUSTOM_FAST', 'HW_CPU_X86_AVX2'] })
    const policy = createPolicy({ defaults: { ...baseRules, ...placementPolicy }, log: quietLog })
    server = await serve({
      faces: [placementFace({ placement: createPlacement(cell.cells), authenticate, policy })],
      listen: { host: '127.0.0.1', port: 0 },
      logs: { role: () => quietLog },
      classify: asProblem,
      accessLog: false,
    })
  })
  afterAll(async () => {
    await server.stop({ deadline_s: 1 })
    await cell.stop()
  })

  test('tells its versions to anybody, and the rest to operators', async () => {
    const answer = await fetch(`${server.url}/placement`).then((response) => response.json())
    expect(answer).toMatchObject({ versions: [{ min_version: '1.0', max_version: '1.39', links: [{ href: '' }] }] })
    expect((await ask('/resource_providers', { token: '' })).status).toBe(401)
    expect((await ask('/resource_providers', { token: 'member' })).status).toBe(403)
    expect((await ask('/resource_providers', { token: 'service' })).status).toBe(200)
    expect((await ask('/usages?project_id=project', { token: 'reader:project' })).status).toBe(200)
    expect((await ask('/usages?project_id=project', { token: 'reader:other' })).status).toBe(403)
  })

  test('negotiates versions, and says which one it speaks', async () => {
    const latest = await ask('/resource_providers', { version: 'latest' })
    expect(latest.headers.get('openstack-api-version')).toBe('placement 1.39')
    expect(latest.headers.get('vary')).toBe('OpenStack-API-Version')
    expect(latest.headers.get('cache-control')).toBe('no-cache')
    const above = await ask('/resource_providers', { version: '1.40' })
    expect(above).toMatchObject({ status: 406, body: { errors: [{ max_version: '1.39', min_version: '1.0' }] } })
    expect((await ask('/resource_providers', { version: 'x' })).status).toBe(400)
    expect((await ask('/traits', { version: '1.5' })).status).toBe(404)
    const old = (await ask('/resource_providers', { version: '1.0' })).body.resource_providers[0]
    expect(Object.keys(old).toSorted()).toEqual(['generation', 'links', 'name', 'uuid'])
    expect(old.links.map((link: Body) => link.rel)).toEqual(['self', 'inventories', 'usages'])
    const { uuid, ...now } = await first()
    expect(now).toMatchObject({ root_provider_uuid: uuid, parent_provider_uuid: null })
    expect(now.links.map((link: Body) => link.rel)).toEqual([
      'self',
      'inventories',
      'usages',
      'aggregates',
      'traits',
      'allocations',
    ])
  })

  test('a node has what its host reported, and taken is what servers claim', async () => {
    const made = await cell.create({ flavor: { ...TEST_FLAVOR, vcpus: 2, memory_mb: 512, root_gb: 3 } })
    await cell.settled()
    const { allocations, ...rest } = (await ask(`/allocations/${made.id}`)).body
    const [[uuid, { generation, resources }]] = Object.entries(allocations) as [[string, Body]]
    expect(resources).toEqual({ VCPU: 2, MEMORY_MB: 512, DISK_GB: 3 })
    expect(rest).toEqual({
      project_id: 'project',
      user_id: 'user',
      consumer_generation: expect.any(Number),
      consumer_type: 'INSTANCE',
    })
    const path = `/resource_providers/${uuid}`
    expect((await ask(`${path}/usages`)).body).toEqual({ resource_provider_generation: generation, usages: resources })
    expect((await ask(`${path}/allocations`)).body.allocations[made.id].resources).toEqual(resources)
    const { inventories } = (await ask(`${path}/inventories`)).body
    expect(inventories.VCPU).toEqual({
      total: 16,
      reserved: 0,
      min_unit: 1,
      max_unit: 16,
      step_size: 1,
      allocation_ratio: 1,
    })
    expect((await ask(`${path}/inventories/VCPU`)).body).toMatchObject(inventories.VCPU)
    expect((await ask(`${path}/inventories/VGPU`)).status).toBe(404)
    expect((await ask('/usages?project_id=project', { version: '1.9' })).body).toEqual({ usages: resources })
    expect((await ask('/usages?project_id=project')).body).toEqual({
      usages: { INSTANCE: { consumer_count: 1, ...resources } },
    })

    await cell.remove(made.id)
    await cell.settled()
    expect((await ask(`/allocations/${made.id}`)).body).toEqual({ allocations: {} })
    expect((await ask(`${path}/usages`)).body.usages).toEqual({ VCPU: 0, MEMORY_MB: 0, DISK_GB: 0 })
    expect((await ask(path)).body.generation).toBeGreaterThan(generation)
  })

  test('candidates are the nodes with room, in the form of the version', async () => {
    const uuids = (await providers()).map((provider) => provider.uuid)
    const query = '/allocation_candidates?resources=VCPU:4,MEMORY_MB:64'
    const { allocation_requests: requests, provider_summaries: summaries } = (await ask(query)).body
    expect(requests).toHaveLength(3)
    const [{ allocations, mappings }] = requests
    const [uuid] = Object.keys(allocations)
    expect(allocations).toEqual({ [uuid!]: { resources: { VCPU: 4, MEMORY_MB: 64 } } })
    expect(mappings).toEqual({ '': [uuid] })
    expect(Object.keys(summaries).toSorted()).toEqual(uuids.toSorted())
    expect(summaries[uuid!].resources.VCPU).toEqual({ capacity: 16, used: 0 })
    expect(summaries[uuid!].traits).toContain('COMPUTE_NODE')
    const old = (await ask(query, { version: '1.10' })).body
    expect(old.allocation_requests[0].allocations[0]).toEqual({
      resource_provider: { uuid },
      resources: { VCPU: 4, MEMORY_MB: 64 },
    })
    expect(Object.keys(old.provider_summaries[uuid!].resources)).toEqual(['VCPU', 'MEMORY_MB'])
    expect((await ask(`${query}&limit=1`)).body.allocation_requests).toHaveLength(1)
    expect((await ask('/allocation_candidates?resources=VCPU:17')).body.allocation_requests).toEqual([])
    expect((await ask(`${query}&required=!COMPUTE_NODE`)).body.allocation_requests).toEqual([])
  })

  test('providers are found by name, room, traits and aggregates', async () => {
    const { name, uuid } = await first()
    const found = async (query: string) =>
      (await ask(`/resource_providers?${query}`)).body.resource_providers.map((each: Body) => each.uuid)
    expect(await found(`name=${name}`)).toEqual([uuid])
    expect(await found(`uuid=${uuid}&in_tree=${newId()}`)).toEqual([])
    expect(await found('resources=VCPU:16&required=COMPUTE_NODE')).toHaveLength(3)
    expect(await found('required=in:HW_CPU_X86_AVX,COMPUTE_NODE')).toHaveLength(3)
    expect(await found('required=HW_CPU_X86_AVX')).toEqual([])
    const aggregate = newId()
    const [row] = await cell.databases.global.sql<{ id: number }[]>`
      insert into aggregates (uuid, name) values (${aggregate}, 'fast') returning id`
    const [{ host } = { host: '' }] = await cell.cells.get('cell1').sql<{ host: string }[]>`
      select host from hosts where uuid = ${uuid}`
    await cell.databases.global.sql`insert into aggregate_hosts (aggregate_id, host) values (${row!.id}, ${host})`
    expect(await found(`member_of=${aggregate}`)).toEqual([uuid])
    expect(await found(`member_of=in:${aggregate},${newId()}`)).toEqual([uuid])
    expect(await found(`member_of=!${aggregate}`)).toHaveLength(2)
    expect((await ask(`/resource_providers/${uuid}/aggregates`)).body.aggregates).toEqual([aggregate])
  })

  test('names of classes and traits are those it uses', async () => {
    expect((await ask('/resource_classes')).body.resource_classes.map((each: Body) => each.name)).toEqual([
      'VCPU',
      'MEMORY_MB',
      'DISK_GB',
    ])
    expect((await ask('/resource_classes/VCPU')).status).toBe(200)
    expect((await ask('/resource_classes/CUSTOM_GOLD')).status).toBe(404)
    expect((await ask('/traits?name=startswith:COMPUTE_')).body.traits).toEqual([
      'COMPUTE_NODE',
      'COMPUTE_STATUS_DISABLED',
    ])
    expect((await ask('/traits?associated=true')).body.traits).toEqual([
      'COMPUTE_NODE',
      'CUSTOM_FAST',
      'HW_ARCH_X86_64',
      'HW_CPU_X86_AVX2',
    ])
    expect((await ask('/traits?name=in:CUSTOM_FAST,CUSTOM_GOLD')).body.traits).toEqual(['CUSTOM_FAST'])
    expect((await ask('/traits/CUSTOM_FAST')).status).toBe(204)
    expect((await ask('/resource_providers?required=CUSTOM_FAST')).body.resource_providers).toHaveLength(3)
    expect((await ask('/traits/COMPUTE_NODE')).status).toBe(204)
    expect((await ask('/traits/CUSTOM_GOLD')).status).toBe(404)
  })

  test('answers have the form of Placement’s own', async () => {
    const hosts = await providers()
    const recorded = await exchangesWith('placement')
    const uuids = recorded[2]!.response as { resource_providers: { uuid: string }[] }
    // They had two hosts.
    const stands = new Stands(/^$/)
    uuids.resource_providers.forEach(({ uuid }, index) => stands.set(uuid, hosts[index].uuid))
    for (const { path, query, status, response, command } of recorded) {
      // As the client did: it speaks this version all along.
      const answer = await ask(`${stands.here(path)}${query && `?${query}`}`, { version: '1.29' })
      const theirs = JSON.parse(stands.here(JSON.stringify(response)))
      const found = differences(theirs, answer.body, { optional: new Set([hosts[2].uuid]) })
      expect([command, answer.status, found]).toEqual([command, status, []])
    }
  })

  test('writing is refused with the reason', async () => {
    const { uuid } = await first()
    for (const [method, path] of [
      ['POST', '/resource_providers'],
      ['DELETE', `/resource_providers/${uuid}`],
      ['PUT', `/resource_providers/${uuid}/inventories`],
      ['PUT', `/allocations/${newId()}`],
      ['PUT', '/traits/CUSTOM_GOLD'],
    ] as const) {
      const answer = await ask(path, { method })
      expect(answer).toMatchObject({ status: 405, body: { errors: [{ title: 'Method Not Allowed' }] } })
      expect(answer.body.errors[0].detail).toContain('keeps no second book')
      expect((await ask(path, { method, token: 'member' })).status).toBe(403)
    }
  })

  test('bad questions are refused in Placement’s form, and none makes it fail', async () => {
    for (const query of ['uuid=x', 'bogus=1', 'resources=VCPU', 'resources=VCPU:0', 'resources=GOLD:1', 'member_of=x',
      'required=NOT_A_TRAIT', 'name=a&name=b']) {
      const { status, body } = await ask(`/resource_providers?${query}`)
      expect([query, status]).toEqual([query, 400])
      expect(body.errors[0]).toMatchObject({ status: 400, title: 'Bad Request', code: 'placement.undefined_code' })
    }
    expect((await ask(`/resource_providers/${newId()}`)).status).toBe(404)
    expect((await ask('/allocation_candidates')).status).toBe(400)
    const name = fc.constantFrom('name', 'uuid', 'resources', 'required', 'member_of', 'limit', 'in_tree', 'associated')
    const path = fc.constantFrom('/resource_providers', '/allocation_candidates', '/traits', '/usages', '/allocations/x')
    await fc.assert(
      fc.asyncProperty(path, fc.array(fc.tuple(name, fc.string({ maxLength: 20 })), { maxLength: 4 }), async (at, query) => {
        expect((await ask(`${at}?${new URLSearchParams(query)}`)).status).toBeLessThan(500)
      }),
      { numRuns: 100 },
    )
  })
})
