import { conflict, forbidden, newHexId, notFound } from '../../kernel/index.ts'
import { type GlobalDb, isUniqueViolation } from '../../platform/db/index.ts'
import { changed } from '../changes.ts'
import { type Listing, listing, type PageRequest, pageSize } from '../listing.ts'
import { lockClock } from '../tokens/tokens.store.ts'
import type { Tokens } from '../tokens/tokens.ts'
import * as store from './roles.store.ts'
import type { Implication, Role } from './roles.store.ts'

export type NewRole = Pick<Role, 'name'> & Partial<Omit<Role, 'id' | 'name'>>
export type RoleChanges = Partial<Omit<Role, 'id'>>

export interface Roles {
  list(filter: { name?: string }, page: PageRequest): Promise<Listing<Role>>
  /** @throws {Problem} not_found */
  show(id: string): Promise<Role>
  /** @throws {Problem} conflict when the name is taken */
  create(input: NewRole): Promise<Role>
  /** @throws {Problem} forbidden for an immutable role, unless the change is to end that */
  update(id: string, changes: RoleChanges): Promise<Role>
  /** Ends all tokens that carry the role. @throws {Problem} forbidden for an immutable role */
  delete(id: string): Promise<void>
  /** Direct implications, of one role or of all. */
  implications(priorId?: string): Promise<Implication[]>
  /** Whoever has the prior role has the implied one too. @throws {Problem} forbidden for a circle */
  imply(priorId: string, impliedId: string): Promise<Implication>
  /** Ends all tokens that carry the prior role. */
  endImplication(priorId: string, impliedId: string): Promise<void>
}

export function createRoles({ db, tokens }: { db: GlobalDb; tokens: Tokens }): Roles {
  return {
    async list(filter, page) {
      const size = pageSize(page)
      return listing(await store.listRoles(db.sql, filter, size + 1, page.marker), size)
    },
    async show(id) {
      return (await store.findRole(db.sql, id)) ?? missing(id)
    },
    async create(input) {
      const role = changed<Role>({ id: newHexId(), name: input.name, description: null, immutable: false }, input)
      await store.insertRole(db.sql, role).catch(nameTaken(role.name))
      return role
    },
    async update(id, changes) {
      return db.transaction(async (tx) => {
        const before = (await store.lockRole(tx, id)) ?? missing(id)
        if (before.immutable && changes.immutable !== false) throw immutable(id, 'update')
        const after = changed(before, changes)
        await store.updateRole(tx, after).catch(nameTaken(after.name))
        return after
      })
    },
    async delete(id) {
      await tokens.revoking(async (tx, revoke) => {
        const role = (await store.lockRole(tx, id)) ?? missing(id)
        if (role.immutable) throw immutable(id, 'delete')
        await store.deleteRole(tx, id)
        await revoke('role', id)
      })
    },
    async implications(priorId) {
      if (priorId !== undefined && !(await store.findRole(db.sql, priorId))) missing(priorId)
      return store.listImplications(db.sql, priorId)
    },
    async imply(priorId, impliedId) {
      return db.transaction(async (tx) => {
        // Two at once could close a circle that neither sees.
        await lockClock(tx)
        const prior = (await store.lockRole(tx, priorId)) ?? missing(priorId)
        const implied = (await store.lockRole(tx, impliedId)) ?? missing(impliedId)
        if (await store.wouldBeCircular(tx, priorId, impliedId)) {
          throw forbidden(`${implied.name} already implies ${prior.name}, directly or through other roles.`)
        }
        await store.insertImplication(tx, priorId, impliedId)
        return { prior_id: prior.id, prior_name: prior.name, implied_id: implied.id, implied_name: implied.name }
      })
    },
    async endImplication(priorId, impliedId) {
      await tokens.revoking(async (tx, revoke) => {
        if (!(await store.deleteImplication(tx, priorId, impliedId))) {
          throw notFound(`Could not find an implication of role ${impliedId} by role ${priorId}.`)
        }
        await revoke('role', priorId)
      })
    },
  }
}

function missing(id: string): never {
  throw notFound(`Could not find role: ${id}.`)
}

function immutable(id: string, verb: string) {
  return forbidden(`Cannot ${verb} immutable role ${id}; set its option immutable to false first.`)
}

function nameTaken(name: string): (error: unknown) => never {
  return (error) => {
    if (!isUniqueViolation(error)) throw error
    throw conflict(`Conflict occurred attempting to store role - Duplicate entry found with name ${name}.`)
  }
}
