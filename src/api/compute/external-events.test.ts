import { afterAll, beforeAll, expect, test } from 'bun:test'
import { type ComputeApi, startComputeApi } from '../../../test/support/compute-api.ts'

let api: ComputeApi
let running: string
let homeless: string
const send = (events: unknown, v = '2.93') =>
  api.ask('POST', '/os-server-external-events', { as: 'admin', v, body: { events } })

beforeAll(async () => {
  api = await startComputeApi()
  running = (await api.addServer()).id
  homeless = (await api.addServer({ host: null, node: null })).id
})
afterAll(() => api.stop())

test('events are answered one by one: taken, of no server, of one without a host, without what they need', async () => {
  const nowhere = crypto.randomUUID()
  const { status, body } = await send([
    { name: 'network-changed', server_uuid: running },
    { name: 'network-vif-plugged', server_uuid: running, status: 'failed', tag: 'port' },
    { name: 'network-changed', server_uuid: nowhere },
    { name: 'network-changed', server_uuid: homeless },
    { name: 'power-update', server_uuid: running, tag: 'SLEEP' },
  ])
  expect(status).toBe(207)
  expect(body.events.map(({ code }: { code: number }) => code)).toEqual([200, 200, 404, 422, 400])
  expect(body.events[0]).toEqual({
    name: 'network-changed',
    server_uuid: running,
    status: 'completed',
    tag: null,
    code: 200,
  })
})

test('where all are taken the answer is 200', async () => {
  expect((await send([{ name: 'power-update', server_uuid: running, tag: 'POWER_ON' }])).status).toBe(200)
})

test.each([
  ['volume-extended', '2.50', '2.51'],
  ['power-update', '2.75', '2.76'],
  ['accelerator-request-bound', '2.81', '2.82'],
  ['volume-reimaged', '2.92', '2.93'],
])('%s is unknown at %s and known at %s', async (name, before, since) => {
  const events = [{ name, server_uuid: running, tag: 'x' }]
  expect((await send(events, before)).status).toBe(400)
  expect((await send(events, since)).status).not.toBe(403)
  expect((await send(events, since)).body.events).toHaveLength(1)
})

test('no events, too many and strangers are refused', async () => {
  expect((await send([])).status).toBe(400)
  const many = Array.from({ length: 1001 }, () => ({ name: 'network-changed', server_uuid: running }))
  expect((await send(many)).status).toBe(400)
  const events = [{ name: 'network-changed', server_uuid: running }]
  const asked = await api.ask('POST', '/os-server-external-events', { as: 'member', body: { events } })
  expect(asked.status).toBe(403)
})
