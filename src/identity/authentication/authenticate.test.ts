import { expect, test } from 'bun:test'
import { quietLog, testDatabases } from '../../../test/support/database.ts'
import { DEMO_PASSWORD, START_TIMEOUT_MS, testIdentity } from '../../../test/support/identity.ts'
import { systemClock } from '../../kernel/index.ts'
import { createPasswords } from '../passwords.ts'
import { createTokens } from '../tokens/tokens.ts'
import { createAuthentication } from './authenticate.ts'

test(
  'a password that changes while it is being checked gives no token',
  async () => {
    const databases = await testDatabases()
    const { global: db } = databases
    const identity = await testIdentity(db)
    const parts = { db, clock: systemClock, log: quietLog, lifetime_s: 3600 }
    const tokens = await createTokens(parts)
    const passwords = createPasswords(4)
    let meanwhile = async () => {}
    const { authenticate } = createAuthentication({
      ...parts,
      tokens,
      passwords: {
        ...passwords,
        async verify(password, hash) {
          await meanwhile()
          return passwords.verify(password, hash)
        },
      },
    })
    const login = () =>
      authenticate({
        credentials: { method: 'password', user: { name: 'demo', domain: { id: 'default' } }, password: DEMO_PASSWORD },
        scope: { kind: 'default' },
      })

    await login()
    meanwhile = async () => {
      const [demo] = (await identity.users.list({ name: 'demo' }, {})).items
      await identity.users.update(demo!.id, { password: 'changed' })
    }
    await expect(login()).rejects.toMatchObject({ kind: 'unauthorized' })

    await Promise.all([tokens.close(), identity.close()])
    await databases.drop()
  },
  START_TIMEOUT_MS,
)
