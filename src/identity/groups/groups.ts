import { badRequest, conflict, newHexId, notFound } from '../../kernel/index.ts'
import { type GlobalDb, isForeignKeyViolation, isUniqueViolation } from '../../platform/db/index.ts'
import { changed } from '../changes.ts'
import { type Listing, listing, type PageRequest, pageSize } from '../listing.ts'
import { DEFAULT_DOMAIN } from '../projects/projects.ts'
import type { Tokens } from '../tokens/tokens.ts'
import type { User } from '../users/users.store.ts'
import * as store from './groups.store.ts'
import type { Group, GroupFilter } from './groups.store.ts'

export type NewGroup = Pick<Group, 'name'> & Partial<Pick<Group, 'domain_id' | 'description'>>

export interface Groups {
  list(filter: GroupFilter, page: PageRequest): Promise<Listing<Group>>
  /** @throws {Problem} not_found */
  show(id: string): Promise<Group>
  /** @throws {Problem} conflict when the name is taken in the domain, bad_request for an unknown domain */
  create(input: NewGroup): Promise<Group>
  update(id: string, changes: Partial<Pick<Group, 'name' | 'description'>>): Promise<Group>
  /** Ends all tokens of its members: they may have lost rights. */
  delete(id: string): Promise<void>
  members(id: string): Promise<Listing<User>>
  /** @throws {Problem} not_found when the user is not in it */
  checkMember(id: string, userId: string): Promise<void>
  /** Adding twice is the same as once. @throws {Problem} not_found */
  addMember(id: string, userId: string): Promise<void>
  /** Ends all tokens of the user. @throws {Problem} not_found */
  removeMember(id: string, userId: string): Promise<void>
}

export function createGroups({ db, tokens }: { db: GlobalDb; tokens: Tokens }): Groups {
  async function show(id: string): Promise<Group> {
    return (await store.findGroup(db.sql, id)) ?? missing(id)
  }

  return {
    async list(filter, page) {
      const size = pageSize(page)
      return listing(await store.listGroups(db.sql, filter, size + 1, page.marker), size)
    },
    show,
    async create(input) {
      const group: Group = { id: newHexId(), domain_id: DEFAULT_DOMAIN, description: '', ...input }
      await store.insertGroup(db.sql, group).catch(refused(group))
      return group
    },
    async update(id, changes) {
      return db.transaction(async (tx) => {
        const after = changed((await store.lockGroup(tx, id)) ?? missing(id), changes)
        await store.updateGroup(tx, after).catch(refused(after))
        return after
      })
    },
    async delete(id) {
      await tokens.revoking(async (tx, revoke) => {
        if (!(await store.lockGroup(tx, id))) missing(id)
        const members = await store.memberIds(tx, id)
        await store.deleteGroup(tx, id)
        for (const member of members) await revoke('user', member)
      })
    },
    async members(id) {
      await show(id)
      const size = pageSize({})
      return listing(await store.listMembers(db.sql, id, size + 1), size)
    },
    async checkMember(id, userId) {
      await show(id)
      if (!(await store.isMember(db.sql, id, userId))) throw noMember(id, userId)
    },
    async addMember(id, userId) {
      await show(id)
      try {
        await db.transaction((tx) => store.addMember(tx, id, userId))
      } catch (error) {
        if (isForeignKeyViolation(error, 'group_members_group_id_fkey')) missing(id)
        if (isForeignKeyViolation(error)) throw notFound(`Could not find user: ${userId}.`)
        throw error
      }
    },
    async removeMember(id, userId) {
      await tokens.revoking(async (tx, revoke) => {
        if (!(await store.lockGroup(tx, id))) missing(id)
        if (!(await store.removeMember(tx, id, userId))) throw noMember(id, userId)
        await revoke('user', userId)
      })
    },
  }
}

function missing(id: string): never {
  throw notFound(`Could not find group: ${id}.`)
}

const noMember = (id: string, userId: string) => notFound(`Could not find user ${userId} in group ${id}.`)

function refused({ name, domain_id }: Group): (error: unknown) => never {
  return (error) => {
    if (isUniqueViolation(error)) {
      throw conflict(`Conflict occurred attempting to store group - Duplicate entry found with name ${name}.`)
    }
    if (isForeignKeyViolation(error)) throw badRequest(`Could not find domain: ${domain_id}.`)
    throw error
  }
}
