import { notFound } from '../../kernel/index.ts'
import type { GlobalDb } from '../../platform/db/index.ts'
import { type Listing, listing, pageSize } from '../listing.ts'
import type { Role } from '../roles/roles.store.ts'
import { grantSubject } from '../tokens/token.ts'
import type { Tokens } from '../tokens/tokens.ts'
import * as store from './assignments.store.ts'
import type { Assignment, AssignmentFilter, Grant } from './assignments.store.ts'

export interface Assignments {
  list(filter: AssignmentFilter): Promise<Listing<Assignment>>
  /** Roles granted to a user in one scope, without implied ones. */
  roles(scope: Omit<Grant, 'role_id'>): Promise<Role[]>
  /** @throws {Problem} not_found */
  check(grant: Grant): Promise<void>
  /** Granting twice is the same as once. @throws {Problem} not_found for an unknown user, role, project or domain */
  grant(grant: Grant): Promise<void>
  /** Ends the user's tokens in that scope. @throws {Problem} not_found */
  revoke(grant: Grant): Promise<void>
}

export function createAssignments({ db, tokens }: { db: GlobalDb; tokens: Tokens }): Assignments {
  return {
    async list(filter) {
      const size = pageSize({})
      return listing(await store.listAssignments(db.sql, filter, size + 1), size)
    },
    roles: (scope) => store.listGrantedRoles(db.sql, scope),
    async check(grant) {
      if (!(await store.grantExists(db.sql, grant))) throw noSuchGrant(grant)
    },
    async grant(grant) {
      await db.transaction(async (tx) => {
        const missing = await store.missingPart(tx, grant)
        if (missing) {
          const id = missing === 'user' ? grant.user_id : missing === 'role' ? grant.role_id : grant.scope_id
          throw notFound(`Could not find ${missing}: ${id}.`)
        }
        await store.insertGrant(tx, grant)
      })
    },
    async revoke(grant) {
      await tokens.revoking(async (tx, revoke) => {
        if (!(await store.deleteGrant(tx, grant))) throw noSuchGrant(grant)
        await revoke('grant', grantSubject(grant.user_id, grant.scope, grant.scope_id))
      })
    },
  }
}

function noSuchGrant({ role_id, user_id, scope, scope_id }: Grant) {
  const target = scope === 'system' ? 'system' : `${scope}: ${scope_id}`
  return notFound(`Could not find role assignment with role: ${role_id}, user or group: ${user_id}, ${target}.`)
}
