import { newHexId } from '../kernel/index.ts'
import type { GlobalDb } from '../platform/db/index.ts'
import * as store from './bootstrap.store.ts'
import type { Passwords } from './passwords.ts'
import { DEFAULT_DOMAIN } from './projects/projects.ts'
import { SYSTEM_SCOPE_ID } from './tokens/token.ts'

export interface BootstrapInput {
  readonly admin_password: string
  /** Without one, user and project `demo` are made, but nobody can log in as `demo` by password. */
  readonly demo_password?: string
  /** Who knows these passwords. */
  readonly node?: string
}

export interface Bootstrapped {
  /** Whether it was this call that did it. */
  readonly created: boolean
  /** Of the call that did it, now or at any time before. */
  readonly node: string | null
}

/** Those of Keystone's bootstrap, and `service` for the roles between services. */
const ROLES = ['admin', 'manager', 'member', 'reader', 'service'] as const
const IMPLICATIONS = [
  ['admin', 'manager'],
  ['manager', 'member'],
  ['member', 'reader'],
] as const
const PROJECTS = {
  admin: 'Bootstrap project for initializing the cloud.',
  demo: 'For trying things out.',
  service: 'Users of the cloud’s own services.',
} as const

/**
 * Fills an empty identity: domain Default, projects admin, demo and service, users admin and demo, the roles that
 * policy names. Done once: what an operator renames or deletes later is not made again.
 */
export async function bootstrap(
  { db, passwords }: { db: GlobalDb; passwords: Passwords },
  { admin_password, demo_password, node }: BootstrapInput,
): Promise<Bootstrapped> {
  const earlier = await store.findBootstrap(db.sql)
  if (earlier) return { created: false, ...earlier }
  const [adminHash, demoHash] = await Promise.all([
    passwords.hash(admin_password),
    demo_password === undefined ? null : passwords.hash(demo_password),
  ])
  const role = idsFor(ROLES)
  const project = idsFor(Object.keys(PROJECTS) as (keyof typeof PROJECTS)[])
  const user = idsFor(['admin', 'demo'])
  const domain_id = DEFAULT_DOMAIN

  const created = await db.transaction(async (tx) => {
    // Of two processes that start at once, one waits here and then finds the work done.
    if (!(await store.markBootstrapped(tx, node ?? null))) return false
    await store.insertRoles(
      tx,
      ROLES.map((name) => ({ id: role[name], name, immutable: true })),
    )
    await store.insertImplications(
      tx,
      IMPLICATIONS.map(([prior, implied]) => ({ role_id: role[prior], implied_role_id: role[implied] })),
    )
    await store.insertProjects(
      tx,
      Object.entries(PROJECTS).map(([name, description]) => ({
        id: project[name as keyof typeof PROJECTS],
        name,
        description,
        domain_id,
        parent_id: domain_id,
      })),
    )
    await store.insertUsers(tx, [
      { id: user.admin, name: 'admin', domain_id, default_project_id: project.admin, password_hash: adminHash },
      { id: user.demo, name: 'demo', domain_id, default_project_id: project.demo, password_hash: demoHash },
    ])
    await store.insertGrants(tx, [
      { user_id: user.admin, role_id: role.admin, scope: 'project', scope_id: project.admin },
      { user_id: user.admin, role_id: role.admin, scope: 'project', scope_id: project.demo },
      { user_id: user.admin, role_id: role.admin, scope: 'domain', scope_id: domain_id },
      { user_id: user.admin, role_id: role.admin, scope: 'system', scope_id: SYSTEM_SCOPE_ID },
      { user_id: user.demo, role_id: role.member, scope: 'project', scope_id: project.demo },
    ])
    return true
  })
  return { created, ...(await store.findBootstrap(db.sql))! }
}

function idsFor<K extends string>(names: readonly K[]): Record<K, string> {
  return Object.fromEntries(names.map((name) => [name, newHexId()])) as Record<K, string>
}
