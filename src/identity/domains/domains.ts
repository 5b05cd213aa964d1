import { conflict, forbidden, newHexId, notFound } from '../../kernel/index.ts'
import { type GlobalDb, isUniqueViolation } from '../../platform/db/index.ts'
import { changed } from '../changes.ts'
import { type Listing, listing, type PageRequest, pageSize } from '../listing.ts'
import type { Tokens } from '../tokens/tokens.ts'
import * as store from './domains.store.ts'
import type { Domain, DomainFilter } from './domains.store.ts'

export type NewDomain = Pick<Domain, 'name'> & Partial<Pick<Domain, 'description' | 'enabled'>>
export type DomainChanges = Partial<Omit<Domain, 'id'>>

export interface Domains {
  list(filter: DomainFilter, page: PageRequest): Promise<Listing<Domain>>
  listOfUser(userId: string): Promise<Listing<Domain>>
  /** @throws {Problem} not_found */
  show(id: string): Promise<Domain>
  /** @throws {Problem} conflict when the name is taken */
  create(input: NewDomain): Promise<Domain>
  /** Disabling a domain ends all tokens of its users and projects. */
  update(id: string, changes: DomainChanges): Promise<Domain>
  /** Deletes a disabled domain with all that is in it. @throws {Problem} forbidden while it is enabled */
  delete(id: string): Promise<void>
}

export function createDomains({ db, tokens }: { db: GlobalDb; tokens: Tokens }): Domains {
  return {
    async list(filter, page) {
      const size = pageSize(page)
      return listing(await store.listDomains(db.sql, filter, size + 1, page.marker), size)
    },
    async listOfUser(userId) {
      const size = pageSize({})
      return listing(await store.listDomainsOfUser(db.sql, userId, size + 1), size)
    },
    async show(id) {
      return (await store.findDomain(db.sql, id)) ?? missing(id)
    },
    async create(input) {
      const domain = changed({ id: newHexId(), name: input.name, description: '', enabled: true }, input)
      await store.insertDomain(db.sql, domain).catch(nameTaken(domain.name))
      return domain
    },
    async update(id, changes) {
      return tokens.revoking(async (tx, revoke) => {
        const before = (await store.lockDomain(tx, id)) ?? missing(id)
        const after = changed(before, changes)
        await store.updateDomain(tx, after).catch(nameTaken(after.name))
        if (before.enabled && !after.enabled) await revoke('domain', id)
        return after
      })
    },
    async delete(id) {
      await tokens.revoking(async (tx, revoke) => {
        const domain = (await store.lockDomain(tx, id)) ?? missing(id)
        if (domain.enabled) {
          throw forbidden('Cannot delete a domain that is enabled, please disable it first.')
        }
        await store.deleteDomain(tx, id)
        await revoke('domain', id)
      })
    },
  }
}

function missing(id: string): never {
  throw notFound(`Could not find domain: ${id}.`)
}

function nameTaken(name: string): (error: unknown) => never {
  return (error) => {
    if (!isUniqueViolation(error)) throw error
    throw conflict(`Conflict occurred attempting to store domain - Duplicate entry found with name ${name}.`)
  }
}
