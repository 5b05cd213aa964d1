import { afterAll, beforeAll, expect, test } from 'bun:test'
import { type ComputeApi, startComputeApi } from '../../../test/support/compute-api.ts'

let api: ComputeApi
beforeAll(async () => {
  api = await startComputeApi()
})
afterAll(() => api.stop())

test('what the guest has posted is shown until it is cleared, and the rest of what is noted stays', async () => {
  const noted = { guest_password: 'encrypted', owner_user_name: 'member' }
  const { id } = await api.addServer({ system_metadata: noted })
  const path = `/servers/${id}/os-server-password`
  expect((await api.ask('GET', path, { as: 'reader' })).body).toEqual({ password: 'encrypted' })
  expect((await api.ask('DELETE', path, { as: 'reader' })).status).toBe(403)
  expect((await api.ask('DELETE', path)).status).toBe(204)
  expect((await api.ask('GET', path)).body).toEqual({ password: '' })
  expect((await api.cells.find(id))!.server.system_metadata).toEqual({ owner_user_name: 'member' })
  // A guest may post anew, and to clear nothing is no error.
  expect((await api.ask('DELETE', path)).status).toBe(204)
})

test('a guest that has posted nothing has an empty one', async () => {
  const { id } = await api.addServer()
  expect((await api.ask('GET', `/servers/${id}/os-server-password`)).body).toEqual({ password: '' })
})
