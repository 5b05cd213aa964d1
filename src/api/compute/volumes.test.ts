import { afterAll, beforeAll, expect, test } from 'bun:test'
import { type ComputeApi, startComputeApi } from '../../../test/support/compute-api.ts'

let api: ComputeApi
let server: string
let stopped: string
const id = crypto.randomUUID()

beforeAll(async () => {
  api = await startComputeApi()
  server = (await api.addServer()).id
  stopped = (await api.addServer({ vm_state: 'stopped' })).id
})
afterAll(() => api.stop())

test('a server has no volumes, and none can be attached, changed or detached', async () => {
  const path = `/servers/${server}/os-volume_attachments`
  const body = { volumeAttachment: { volumeId: id } }
  expect((await api.ask('GET', path)).body).toEqual({ volumeAttachments: [] })
  const attached = await api.ask('POST', path, { body })
  expect([attached.status, attached.body.itemNotFound?.message]).toEqual([404, `Volume ${id} could not be found.`])
  expect((await api.ask('GET', `${path}/${id}`)).status).toBe(404)
  expect((await api.ask('DELETE', `${path}/${id}`)).status).toBe(404)
  expect((await api.ask('PUT', `${path}/${id}`, { body })).status).toBe(404)
})

test('to put another volume in the place of one is for services, as it copies what the guest has', async () => {
  const path = `/servers/${server}/os-volume_attachments/${id}`
  const swap = { body: { volumeAttachment: { volumeId: crypto.randomUUID() } } }
  expect((await api.ask('PUT', path, swap)).status).toBe(403)
  expect((await api.ask('PUT', path, { ...swap, as: 'admin' })).status).toBe(404)
})

test('what an attachment may say grew with the versions', async () => {
  const path = `/servers/${server}/os-volume_attachments`
  const attach = (fields: object, v: string) =>
    api.ask('POST', path, { v, body: { volumeAttachment: { volumeId: id, ...fields } } })
  expect([(await attach({ tag: 'a' }, '2.48')).status, (await attach({ tag: 'a' }, '2.49')).status]).toEqual([400, 404])
  const until = { delete_on_termination: true }
  expect([(await attach(until, '2.78')).status, (await attach(until, '2.79')).status]).toEqual([400, 404])
  expect((await attach({ device: 'sdb' }, '2.1')).status).toBe(400)
})

test('shared file systems are none either; a server that runs could not get one', async () => {
  const ask = (method: string, server: string, path = '', body?: unknown) =>
    api.ask(method, `/servers/${server}/shares${path}`, { v: '2.97', body })
  const share = { share: { share_id: id } }
  expect((await ask('GET', server)).body).toEqual({ shares: [] })
  expect((await ask('POST', server, '', share)).status).toBe(409)
  expect((await ask('POST', stopped, '', share)).status).toBe(404)
  expect((await ask('GET', server, `/${id}`)).status).toBe(404)
  expect((await ask('DELETE', server, `/${id}`)).status).toBe(404)
})

test('volumes and snapshots are none, and none are made', async () => {
  const ask = (method: string, path: string, body?: unknown) => api.ask(method, path, { body })
  expect((await ask('GET', '/os-volumes/detail')).body).toEqual({ volumes: [] })
  expect((await ask('GET', '/os-snapshots')).body).toEqual({ snapshots: [] })
  expect((await ask('GET', `/os-volumes/${id}`)).status).toBe(404)
  expect((await ask('DELETE', `/os-snapshots/${id}`)).status).toBe(404)
  expect((await ask('POST', '/os-volumes', { volume: { size: 1 } })).body.badRequest.message).toBe(
    'This cloud has no volume service.',
  )
  expect((await ask('POST', '/os-volumes', { volume: { size: 0 } })).body.badRequest.message).toContain('size')
  expect((await ask('POST', '/os-snapshots', { snapshot: { volume_id: id } })).status).toBe(400)
})

test('snapshots with the help of a guest are for services, and find no volume', async () => {
  const snapshot = { volume_id: id, create_info: { snapshot_id: id, type: 'qcow2', new_file: 'f' } }
  const create = (as: 'member' | 'admin') => api.ask('POST', '/os-assisted-volume-snapshots', { as, body: { snapshot } })
  expect([(await create('member')).status, (await create('admin')).status]).toEqual([403, 400])
  const remove = async (info: string) =>
    (await api.ask('DELETE', `/os-assisted-volume-snapshots/${id}${info}`, { as: 'admin' })).body.badRequest.message
  expect(await remove('')).toBe('delete_info must be JSON.')
  expect(await remove('?delete_info=[]')).toBe('delete_info must name a volume_id.')
  expect(await remove(`?delete_info={"volume_id":"${id}"}`)).toBe(`Volume ${id} could not be found.`)
})
