import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { discrepancies, embeddedIn } from '../support/books.ts'
import { type ServerCloud, startServerCloud } from '../support/server-cloud.ts'

/** Actions on servers over HTTP, on simulated hosts: what a user sees before, meanwhile and after. */
let cloud: ServerCloud
beforeAll(async () => {
  cloud = await startServerCloud()
}, 60_000)
afterAll(async () => {
  try {
    expect(await discrepancies(embeddedIn(cloud.cloud.statePath), cloud.cloud.statePath)).toEqual([])
  } finally {
    await cloud.remove()
  }
}, 60_000)

describe('a guest that stands still', () => {
  test('is paused and goes on, is suspended and resumed, with the words of each in its log', async () => {
    const { id } = await cloud.active()
    for (const [action, status, power] of [
      ['pause', 'PAUSED', 3],
      ['unpause', 'ACTIVE', 1],
      ['suspend', 'SUSPENDED', 7],
      ['resume', 'ACTIVE', 1],
    ] as const) {
      expect((await cloud.act(id, { [action]: null })).status).toBe(202)
      expect((await cloud.settled(id, status))['OS-EXT-STS:power_state']).toBe(power)
    }
    expect(await cloud.actions(id)).toEqual(['create', 'pause', 'unpause', 'suspend', 'resume'])
  })

  test('can be deleted as it is', async () => {
    const { id } = await cloud.active()
    await cloud.act(id, { pause: null })
    await cloud.settled(id, 'PAUSED')
    expect((await cloud.ask('DELETE', `/servers/${id}`)).status).toBe(204)
  })
})

test('a password is changed in a guest that runs, and not in another', async () => {
  const { id } = await cloud.active()
  expect((await cloud.act(id, { changePassword: { adminPass: 'secret' } })).status).toBe(202)
  await cloud.settled(id, 'ACTIVE')
  expect((await cloud.act(id, { changePassword: {} })).status).toBe(400)
  await cloud.act(id, { 'os-stop': null })
  await cloud.settled(id, 'SHUTOFF')
  const refused = await cloud.act(id, { changePassword: { adminPass: 'secret' } })
  expect(refused.body.conflictingRequest.message).toBe(
    `Cannot 'set_admin_password' instance ${id} while it is in vm_state stopped`,
  )
})

test('a crash dump can be asked for from 2.17 on, with null and nothing else', async () => {
  const { id } = await cloud.active()
  expect((await cloud.act(id, { trigger_crash_dump: null }, { v: '2.16' })).status).toBe(404)
  expect((await cloud.act(id, { trigger_crash_dump: {} }, { v: '2.17' })).status).toBe(400)
  expect((await cloud.act(id, { trigger_crash_dump: null }, { v: '2.17' })).status).toBe(202)
  await cloud.settled(id, 'ACTIVE')
})

test('what the state does not allow is refused with its reason, and so is what a lock forbids', async () => {
  const { id } = await cloud.active()
  for (const [action, word] of [
    ['unpause', 'unpause'],
    ['resume', 'resume'],
    ['unrescue', 'unrescue'],
  ] as const) {
    const { status, body } = await cloud.act(id, { [action]: null })
    expect(status).toBe(409)
    expect(body.conflictingRequest.message).toBe(`Cannot '${word}' instance ${id} while it is in vm_state active`)
  }
  await cloud.act(id, { lock: null })
  for (const action of ['pause', 'suspend']) {
    const { status, body } = await cloud.act(id, { [action]: null })
    expect([status, body.conflictingRequest.message]).toEqual([409, `Instance ${id} is locked`])
  }
  // An admin is not held up by a lock.
  expect((await cloud.act(id, { pause: null }, { as: cloud.admin })).status).toBe(202)
  await cloud.settled(id, 'PAUSED')
})
