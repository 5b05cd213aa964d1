import { notFound } from '../../kernel/index.ts'
import type { GlobalDb } from '../../platform/db/index.ts'
import { type Listing, listing, pageSize } from '../listing.ts'
import { memberIds } from '../groups/groups.store.ts'
import type { Role } from '../roles/roles.store.ts'
import { grantSubject } from '../tokens/token.ts'
import type { Tokens } from '../tokens/tokens.ts'
import * as store from './assignments.store.ts'
import type { Actor, Assignment, AssignmentFilter, Grant, GrantScope } from './assignments.store.ts'

export interface Assignments {
  list(filter: AssignmentFilter): Promise<Listing<Assignment>>
  /** Roles granted to a user or group in one scope, without implied ones. */
  roles(scope: GrantScope): Promise<Role[]>
  /** @throws {Problem} not_found */
  check(grant: Grant): Promise<void>
  /** Granting twice is the same as once. @throws {Problem} not_found for an unknown user, group, role, project or domain */
  grant(grant: Grant): Promise<void>
  /** Ends the tokens in that scope of the user, or of the group's members. @throws {Problem} not_found */
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
          const id = missing === 'role' ? grant.role_id : missing === grant.scope ? grant.scope_id : actorId(grant)
          throw notFound(`Could not find ${missing}: ${id}.`)
        }
        await store.insertGrant(tx, grant)
      })
    },
    async revoke(grant) {
      await tokens.revoking(async (tx, revoke) => {
        if (!(await store.deleteGrant(tx, grant))) throw noSuchGrant(grant)
        const users = 'user_id' in grant ? [grant.user_id] : await memberIds(tx, grant.group_id)
        for (const user of users) await revoke('grant', grantSubject(user, grant.scope, grant.scope_id))
      })
    },
  }
}

const actorId = (actor: Actor): string => ('user_id' in actor ? actor.user_id : actor.group_id)

function noSuchGrant(grant: Grant) {
  const { role_id, scope, scope_id } = grant
  const target = scope === 'system' ? 'system' : `${scope}: ${scope_id}`
  return notFound(`Could not find role assignment with role: ${role_id}, user or group: ${actorId(grant)}, ${target}.`)
}
