import { createIdentity, type Identity, type IdentityOptions, type ScopeRequest } from '../../src/identity/index.ts'
import { systemClock } from '../../src/kernel/index.ts'
import type { GlobalDb } from '../../src/platform/db/index.ts'
import { quietLog } from './database.ts'

export const ADMIN_PASSWORD = 'admin-secret'
export const DEMO_PASSWORD = 'demo-secret'

/** For hooks: the first database of a test process takes seconds on a busy machine. */
export const START_TIMEOUT_MS = 60_000

/** An identity with the bootstrap's users and projects, and the cheapest hashes bcrypt has. */
export async function testIdentity(
  db: GlobalDb,
  overrides: Partial<Omit<IdentityOptions, 'db'>> = {},
): Promise<Identity> {
  const identity = await createIdentity({
    db,
    clock: systemClock,
    log: quietLog,
    config: { token_expiration_s: 3600, password_hash_rounds: 4, region: 'RegionOne' },
    ...overrides,
  })
  await identity.bootstrap({ admin_password: ADMIN_PASSWORD, demo_password: DEMO_PASSWORD })
  return identity
}

/** A token by password, scoped to the project of that name, or as `scope` says. */
export async function login(
  identity: Identity,
  name: string,
  password: string,
  scope: string | ScopeRequest,
): Promise<{ token: string }> {
  const domain = { id: 'default' }
  return identity.authenticate({
    credentials: { method: 'password', user: { name, domain }, password },
    scope: typeof scope === 'string' ? { kind: 'project', project: { name: scope, domain } } : scope,
  })
}
