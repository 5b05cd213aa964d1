import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Server } from '../../cells/index.ts'
import { type ComputeApi, OTHER_PROJECT, type Person, startComputeApi } from '../../../test/support/compute-api.ts'

let api: ComputeApi
beforeAll(async () => {
  api = await startComputeApi({ metadata_items: 3 })
})
afterAll(() => api.stop())

const act = (server: Server, body: object, as: Person = 'member', v = '2.1') =>
  api.ask('POST', `/servers/${server.id}/action`, { as, v, body })
const stored = async (server: Server) => (await api.cells.find(server.id))!.server
const tasksOf = (server: Server) =>
  api.databases.cells.get('cell1')!.sql<{ kind: string; input: object }[]>`
    select kind, input from tasks where subject = ${server.id} order by sequence`

describe('a server of another project', () => {
  test('does not exist, on any route', async () => {
    const server = await api.addServer()
    const path = `/servers/${server.id}`
    const requests: [string, string, unknown?][] = [
      ['GET', path],
      ['PUT', path, { server: { name: 'x' } }],
      ['DELETE', path],
      ['GET', `${path}/ips`],
      ['GET', `${path}/metadata`],
      ['POST', `${path}/metadata`, { metadata: { a: 'b' } }],
      ['GET', `${path}/tags`],
      ['PUT', `${path}/tags/a`],
      ['GET', `${path}/os-instance-actions`],
      ['GET', `${path}/os-instance-actions/req-1`],
      ...['os-start', 'os-stop', 'lock', 'unlock'].map((key): [string, string, unknown] => [
        'POST',
        `${path}/action`,
        { [key]: null },
      ]),
      ['POST', `${path}/action`, { reboot: { type: 'HARD' } }],
      ['POST', `${path}/action`, { 'os-getConsoleOutput': {} }],
    ]
    for (const [method, where, body] of requests) {
      const { status } = await api.ask(method, where, { as: 'stranger', v: '2.60', body })
      expect([method, where, status]).toEqual([method, where, 404])
    }
    expect((await api.ask('GET', '/servers', { as: 'stranger' })).body).toEqual({ servers: [] })
    expect(await tasksOf(server)).toBeEmpty()
    expect((await api.ask('GET', path, { as: 'admin' })).status).toBe(200)
  })

  test('is not told from one that never was, or from an id that is none', async () => {
    for (const id of ['nosuch', '0e44cc9c-e052-415d-afbf-469b0d384170', 'x'.repeat(300), '%27', 'A'.repeat(36)]) {
      const { status, body } = await api.ask('GET', `/servers/${id}`)
      expect([status, body.itemNotFound.code]).toEqual([404, 404])
    }
  })
})

describe('power', () => {
  test('verbs set the task state, log the action and leave a task', async () => {
    const verbs: [object, Partial<Server>, string, string, object][] = [
      [{ 'os-stop': null }, {}, 'powering-off', 'server.stop', {}],
      [{ 'os-start': {} }, { vm_state: 'stopped', power_state: 4 }, 'powering-on', 'server.start', {}],
      [{ reboot: { type: 'SOFT' } }, {}, 'rebooting', 'server.reboot', { type: 'SOFT' }],
      [{ reboot: { type: 'hard' } }, { vm_state: 'error' }, 'rebooting_hard', 'server.reboot', { type: 'HARD' }],
    ]
    for (const [body, state, task_state, kind, input] of verbs) {
      const server = await api.addServer(state)
      const { status, body: answer, headers } = await act(server, body)
      expect([status, answer]).toEqual([202, undefined])
      const after = await stored(server)
      expect([after.task_state, after.generation]).toEqual([task_state, server.generation + 2])
      expect(await tasksOf(server)).toEqual([{ kind, input }] as never)
      const { instanceActions } = (await api.ask('GET', `/servers/${server.id}/os-instance-actions`)).body
      expect(instanceActions[0]).toMatchObject({
        action: kind.slice('server.'.length),
        request_id: headers.get('x-compute-request-id'),
        user_id: 'member-user',
        message: null,
      })
    }
  })

  test('verbs are refused in the wrong state, and change nothing', async () => {
    const server = await api.addServer()
    const { status, body } = await act(server, { 'os-start': null })
    expect(status).toBe(409)
    expect(body.conflictingRequest.message).toBe(`Cannot 'start' instance ${server.id} while it is in vm_state active`)
    expect(await tasksOf(server)).toBeEmpty()
    expect((await act(server, { 'os-stop': null })).status).toBe(202)
    expect((await act(server, { 'os-stop': null })).status).toBe(409)
    expect(await tasksOf(server)).toHaveLength(1)
  })

  test('verbs of ten at once: one is taken', async () => {
    const server = await api.addServer()
    const answers = await Promise.all(Array.from({ length: 10 }, () => act(server, { 'os-stop': null })))
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(9)
    expect(await tasksOf(server)).toHaveLength(1)
  })

  test('is not changed by what is no action, or two', async () => {
    const server = await api.addServer()
    for (const body of [
      {},
      [],
      'os-stop',
      { 'os-stop': null, 'os-start': null },
      { bogus: null },
      { reboot: null },
      { reboot: {} },
      { reboot: { type: 'WARM' } },
    ]) {
      expect([body, (await act(server, body as object)).status]).toEqual([body, 400])
    }
    expect(await tasksOf(server)).toBeEmpty()
  })
})

describe('the console log', () => {
  test('is shown from the end, or whole', async () => {
    const server = await api.addServer()
    api.consoles.set(server.id, 'one\ntwo\nthree')
    const output = async (options: object) => (await act(server, { 'os-getConsoleOutput': options })).body.output
    expect(await output({})).toBe('one\ntwo\nthree')
    expect(await output({ length: null })).toBe('one\ntwo\nthree')
    expect(await output({ length: -1 })).toBe('one\ntwo\nthree')
    expect(await output({ length: 2 })).toBe('two\nthree')
    expect(await output({ length: '1' })).toBe('three')
  })

  test('is not there for a server that has no host, or for a length that is none', async () => {
    const server = await api.addServer({ vm_state: 'building', host: null, node: null, launched_at: null })
    const { status, body } = await act(server, { 'os-getConsoleOutput': {} })
    expect([status, body.conflictingRequest.message]).toEqual([409, `Instance ${server.id} is not ready`])
    for (const length of [-2, 'x', 1.5, true]) {
      expect((await act(server, { 'os-getConsoleOutput': { length } })).status).toBe(400)
    }
  })
})

describe('an update', () => {
  test('changes what is given', async () => {
    const server = await api.addServer()
    const update = (server_: object, v = '2.19') =>
      api.ask('PUT', `/servers/${server.id}`, { v, body: { server: server_ } })
    expect((await update({ name: 'new' })).body.server.name).toBe('new')
    expect((await update({ description: 'what it is' })).body.server.description).toBe('what it is')
    expect((await update({ description: null })).body.server.description).toBeNull()
    expect((await update({ accessIPv4: '1.2.3.4' })).body.server.accessIPv4).toBe('1.2.3.4')
    expect((await update({ accessIPv4: '' })).body.server.accessIPv4).toBe('')
    expect((await update({ 'OS-DCF:diskConfig': 'AUTO' })).body.server['OS-DCF:diskConfig']).toBe('AUTO')
    expect((await update({})).body.server.name).toBe('new')
    expect(await stored(server)).toMatchObject({ name: 'new', auto_disk_config: true })
    for (const wrong of [{ name: '' }, { name: 5 }, { accessIPv4: 'x' }, { hostname: 'db' }, { metadata: {} }]) {
      expect((await update(wrong)).status).toBe(400)
    }
  })
})

describe('a delete', () => {
  test('of an accepted request makes it vanish at once, with its quota and its mapping', async () => {
    const before = await api.compute.quotas.usageOf('11111111111111111111111111111111')
    const { body } = await api.ask('POST', '/servers', {
      body: { server: { name: 'gone', flavorRef: '42', imageRef: '70a599e0-31e7-49b7-b260-868f441e862b' } },
    })
    const path = `/servers/${body.server.id}`
    expect((await api.ask('DELETE', path)).status).toBe(204)
    expect((await api.ask('GET', path)).status).toBe(404)
    expect(await api.compute.quotas.usageOf('11111111111111111111111111111111')).toEqual(before)
    expect((await api.ask('DELETE', path)).status).toBe(404)
  })

  test('wins over the task before it, and asking again changes nothing', async () => {
    const server = await api.addServer()
    await act(server, { 'os-stop': null })
    const remove = () => api.ask('DELETE', `/servers/${server.id}`)
    expect((await remove()).status).toBe(204)
    expect((await stored(server)).task_state).toBe('deleting')
    expect((await remove()).status).toBe(204)
    const tasks = await api.databases.cells.get('cell1')!.sql<{ kind: string; cancelled: boolean }[]>`
      select kind, cancelled from tasks where subject = ${server.id} order by sequence`
    expect(tasks.map(({ kind, cancelled }) => [kind, cancelled])).toEqual([
      ['server.stop', true],
      ['server.delete', false],
    ])
  })
})

describe('a lock', () => {
  test('holds off everybody but admins, and is the owner’s to lift', async () => {
    const server = await api.addServer()
    expect((await act(server, { lock: { locked_reason: 'busy' } }, 'member', '2.73')).status).toBe(202)
    const shown = (await api.ask('GET', `/servers/${server.id}`, { v: '2.73' })).body.server
    expect([shown.locked, shown.locked_reason]).toEqual([true, 'busy'])
    expect((await act(server, { 'os-stop': null })).body.conflictingRequest.message).toBe(
      `Instance ${server.id} is locked`,
    )
    expect((await api.ask('DELETE', `/servers/${server.id}`)).status).toBe(409)
    expect((await act(server, { 'os-stop': null }, 'admin')).status).toBe(202)
    expect((await act(server, { unlock: null })).status).toBe(202)
    expect((await api.ask('GET', `/servers/${server.id}`, { v: '2.73' })).body.server.locked).toBe(false)
  })

  test('of an admin is not the owner’s to lift', async () => {
    const server = await api.addServer()
    await act(server, { lock: null }, 'admin')
    expect((await act(server, { unlock: null })).status).toBe(403)
    expect((await act(server, { lock: null })).status).toBe(202)
    expect((await stored(server)).locked_by).toBe('admin')
    expect((await act(server, { unlock: null }, 'admin')).status).toBe(202)
  })

  test('has a reason from 2.73 on', async () => {
    const server = await api.addServer()
    expect((await act(server, { lock: { surplus: 1 } }, 'member', '2.73')).status).toBe(400)
    expect((await act(server, { lock: { locked_reason: 'x' } }, 'member', '2.72')).status).toBe(202)
    expect((await stored(server)).locked_reason).toBeNull()
  })
})

test('an admin sets a state that got stuck', async () => {
  const server = await api.addServer({ vm_state: 'building', task_state: 'spawning' })
  const body = { 'os-resetState': { state: 'error' } }
  expect((await act(server, body)).status).toBe(403)
  expect((await act(server, body, 'admin')).status).toBe(202)
  expect(await stored(server)).toMatchObject({ vm_state: 'error', task_state: null })
})

describe('metadata', () => {
  test('is merged, replaced, set and taken away', async () => {
    const server = await api.addServer({ metadata: { role: 'web' } })
    const ask = async (method: string, path: string, body?: unknown) => {
      const answer = await api.ask(method, `/servers/${server.id}/metadata${path}`, { body })
      return answer.body ?? answer.status
    }
    expect(await ask('POST', '', { metadata: { a: '1' } })).toEqual({ metadata: { role: 'web', a: '1' } })
    expect(await ask('PUT', '/a', { meta: { a: '2' } })).toEqual({ meta: { a: '2' } })
    expect(await ask('GET', '/a')).toEqual({ meta: { a: '2' } })
    expect(await ask('DELETE', '/role')).toBe(204)
    expect(await ask('GET', '')).toEqual({ metadata: { a: '2' } })
    expect(await ask('PUT', '', { metadata: { b: '' } })).toEqual({ metadata: { b: '' } })
    expect((await ask('GET', '/a')).itemNotFound.code).toBe(404)
    expect((await ask('DELETE', '/a')).itemNotFound.code).toBe(404)
    expect((await ask('PUT', '/a', { meta: { b: '1' } })).badRequest.code).toBe(400)
    expect((await ask('PUT', '/a', { meta: { a: '1', b: '1' } })).badRequest.code).toBe(400)
    expect((await ask('POST', '', { metadata: { c: '', d: '', e: '' } })).forbidden.code).toBe(403)
    expect(await ask('GET', '')).toEqual({ metadata: { b: '' } })
  })

  test('of a server that is being built is not changed', async () => {
    const server = await api.addServer({ vm_state: 'building', launched_at: null })
    expect((await api.ask('POST', `/servers/${server.id}/metadata`, { body: { metadata: {} } })).status).toBe(409)
  })
})

describe('tags', () => {
  test('are there from 2.26 on', async () => {
    const server = await api.addServer()
    expect((await api.ask('GET', `/servers/${server.id}/tags`, { v: '2.25' })).status).toBe(404)
    expect((await api.ask('GET', `/servers/${server.id}/tags`, { v: '2.26' })).body).toEqual({ tags: ['blue'] })
  })

  test('are added once, found, replaced and taken away', async () => {
    const server = await api.addServer({ tags: [] })
    const ask = (method: string, tag: string, body?: unknown) =>
      api.ask(method, `/servers/${server.id}/tags${tag}`, { v: '2.60', body })
    const added = await ask('PUT', '/red')
    expect([added.status, added.headers.get('location')]).toEqual([
      201,
      `${api.url}/v2.1/servers/${server.id}/tags/red`,
    ])
    expect((await ask('PUT', '/red')).status).toBe(204)
    expect((await ask('GET', '/red')).status).toBe(204)
    expect((await ask('GET', '/blue')).status).toBe(404)
    expect((await ask('PUT', '', { tags: ['a', 'b'] })).body).toEqual({ tags: ['a', 'b'] })
    expect((await ask('PUT', '', { tags: ['a', 'a'] })).status).toBe(400)
    expect((await ask('PUT', '', { tags: ['a,b'] })).status).toBe(400)
    expect((await ask('PUT', '', { tags: Array.from({ length: 51 }, (_, i) => `t${i}`) })).status).toBe(400)
    expect((await ask('DELETE', '/a')).status).toBe(204)
    expect((await ask('DELETE', '/a')).status).toBe(404)
    expect((await ask('DELETE', '')).status).toBe(204)
    await ask('PUT', '', { tags: Array.from({ length: 50 }, (_, i) => `t${i}`) })
    expect((await ask('PUT', '/one-more')).status).toBe(400)
  })
})

describe('addresses', () => {
  test('are listed by network', async () => {
    const server = await api.addServer()
    const path = `/servers/${server.id}/ips`
    const entries = [{ version: 4, addr: '10.0.0.7' }]
    expect((await api.ask('GET', path)).body).toEqual({ addresses: { private: entries } })
    expect((await api.ask('GET', `${path}/private`)).body).toEqual({ private: entries })
    expect((await api.ask('GET', `${path}/public`)).status).toBe(404)
  })
})

describe('what was done to a server', () => {
  test('can be read in pages from 2.58 on, newest first', async () => {
    const server = await api.addServer()
    for (const state of ['active', 'error'] as const) {
      await api.ask('POST', `/servers/${server.id}/action`, { as: 'admin', body: { 'os-resetState': { state } } })
      await api.ask('POST', `/servers/${server.id}/action`, {
        as: 'admin',
        body: { 'os-resetState': { state: 'active' } },
      })
      await act(server, { 'os-stop': null })
    }
    const path = `/servers/${server.id}/os-instance-actions`
    const all = (await api.ask('GET', path, { v: '2.58' })).body.instanceActions
    expect(all).toHaveLength(2)
    const page = (await api.ask('GET', `${path}?limit=1`, { v: '2.58' })).body
    expect(page.instanceActions).toEqual([all[0]])
    expect(page.links[0].href).toBe(`${api.url}/v2.1${path}?limit=1&marker=${all[0].request_id}`)
    const next = (await api.ask('GET', `${path}?limit=1&marker=${all[0].request_id}`, { v: '2.58' })).body
    expect(next.instanceActions).toEqual([all[1]])
    expect((await api.ask('GET', `${path}?bogus=1`, { v: '2.58' })).status).toBe(400)
    expect((await api.ask('GET', `${path}/req-none`)).status).toBe(404)
  })

  test('can be read after its end from 2.21 on, by its owner', async () => {
    const server = await api.addServer()
    await act(server, { 'os-stop': null })
    await api.databases.cells.get('cell1')!.sql`update servers set deleted_at = now() where id = ${server.id}`
    await api.databases.global.sql`delete from server_mappings where server_id = ${server.id}`
    const path = `/servers/${server.id}/os-instance-actions`
    expect((await api.ask('GET', path, { v: '2.20' })).status).toBe(404)
    expect((await api.ask('GET', path, { v: '2.21' })).body.instanceActions).toHaveLength(1)
    expect((await api.ask('GET', path, { v: '2.21', as: 'stranger' })).status).toBe(404)
  })
})

describe('a fault', () => {
  test('is shown while the server is in error, with its details for admins', async () => {
    const fault = {
      code: 500,
      message: 'No valid host was found.',
      details: 'trace',
      created: '2026-01-02T03:04:05.678Z',
    }
    const server = await api.addServer({ vm_state: 'error', fault })
    const shown = async (as: Person) => (await api.ask('GET', `/servers/${server.id}`, { as })).body.server
    expect((await shown('member')).fault).toEqual({
      code: 500,
      created: '2026-01-02T03:04:05Z',
      message: fault.message,
    })
    expect((await shown('admin')).fault.details).toBe('trace')
    expect('progress' in (await shown('member'))).toBe(false)
    const recovered = await api.addServer({ fault })
    expect((await api.ask('GET', `/servers/${recovered.id}`)).body.server.fault).toBeUndefined()
  })
})

test('a server of a project is not another project’s, even in a list over all', async () => {
  await api.addServer({ project_id: OTHER_PROJECT, name: 'theirs' })
  const names = async (as: Person, query: string) =>
    (await api.ask('GET', `/servers?${query}`, { as })).body.servers.map((each: { name: string }) => each.name)
  expect(await names('member', 'name=theirs')).toEqual([])
  expect(await names('stranger', '')).toEqual(['theirs'])
  expect(await names('admin', 'all_tenants=1&name=theirs')).toEqual(['theirs'])
  expect(await names('admin', `all_tenants=1&project_id=${OTHER_PROJECT}`)).toEqual(['theirs'])
})
