import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { quietLog, type TestDatabases, testDatabases } from '../../test/support/database.ts'
import { systemClock } from '../kernel/index.ts'
import { createIdentity, type Identity } from './index.ts'

let databases: TestDatabases
let identity: Identity

beforeAll(async () => {
  databases = await testDatabases()
  identity = await createIdentity({
    db: databases.global,
    clock: systemClock,
    log: quietLog,
    config: { token_expiration_s: 3600, password_hash_rounds: 4, region: 'RegionOne' },
  })
  await identity.bootstrap({ admin_password: 'secret', demo_password: 'demo' })
})
afterAll(async () => {
  await identity.close()
  await databases.drop()
})

describe('tokens', () => {
  test('issue', async () => {
    const { token, info } = await identity.authenticate({
      credentials: {
        method: 'password',
        user: { name: 'admin', domain: { id: 'default' } },
        password: 'secret',
      },
      scope: { kind: 'project', project: { name: 'admin', domain: { name: 'Default' } } },
    })
    console.log(token.length, info)
    expect(identity.verify(token)).toEqual(info)
    const t = performance.now()
    for (let i = 0; i < 100000; i++) identity.verify(token)
    console.log('us', (performance.now() - t) / 100)
  })
})
