import { badRequest, conflict, newHexId, notFound, Problem } from '../../kernel/index.ts'
import { type GlobalDb, isForeignKeyViolation, isUniqueViolation } from '../../platform/db/index.ts'
import { changedAttributes } from '../attributes.ts'
import { changed } from '../changes.ts'
import { type Listing, listing, type PageRequest, pageSize } from '../listing.ts'
import type { Passwords } from '../passwords.ts'
import { DEFAULT_DOMAIN } from '../projects/projects.ts'
import type { Tokens } from '../tokens/tokens.ts'
import * as store from './users.store.ts'
import type { User, UserFilter } from './users.store.ts'

export interface NewUser extends Partial<Omit<User, 'id' | 'name'>> {
  readonly name: string
  /** Without one the user cannot log in by password. */
  readonly password?: string | null
}
export type UserChanges = Partial<Omit<NewUser, 'domain_id'>>

export interface Users {
  list(filter: UserFilter, page: PageRequest): Promise<Listing<User>>
  /** @throws {Problem} not_found */
  show(id: string): Promise<User>
  /** @throws {Problem} conflict when the name is taken in the domain, bad_request for an unknown domain */
  create(input: NewUser): Promise<User>
  /** A new password and being disabled end all tokens of the user. */
  update(id: string, changes: UserChanges): Promise<User>
  /**
   * Change of the own password, which proves itself by the original one and needs no token.
   * @throws {Problem} unauthorized for a wrong original, or when there is no such user
   */
  changePassword(id: string, original: string, password: string): Promise<void>
  delete(id: string): Promise<void>
}

export interface UsersOptions {
  readonly db: GlobalDb
  readonly tokens: Tokens
  readonly passwords: Passwords
}

export function createUsers({ db, tokens, passwords }: UsersOptions): Users {
  const hashed = async (password: string | null | undefined) => (password ? passwords.hash(password) : null)

  return {
    async list(filter, page) {
      const size = pageSize(page)
      return listing(await store.listUsers(db.sql, filter, size + 1, page.marker), size)
    },
    async show(id) {
      return (await store.findUser(db.sql, id)) ?? missing(id)
    },
    async create({ password, ...input }) {
      const fresh: User = {
        id: newHexId(),
        name: input.name,
        domain_id: DEFAULT_DOMAIN,
        email: null,
        description: '',
        default_project_id: null,
        enabled: true,
        options: {},
        extra: {},
      }
      const user = changed(fresh, { ...input, ...changedMaps(fresh, input) })
      await store.insertUser(db.sql, user, await hashed(password)).catch(refused(user))
      return user
    },
    async update(id, { password, ...changes }) {
      const hash = await hashed(password)
      return tokens.revoking(async (tx, revoke) => {
        const before = (await store.lockUser(tx, id)) ?? missing(id)
        const after = changed(before, { ...changes, ...changedMaps(before, changes) })
        await store.updateUser(tx, after).catch(refused(after))
        if (password !== undefined) await store.updatePasswordHash(tx, id, hash)
        if (password !== undefined || (before.enabled && !after.enabled)) await revoke('user', id)
        return after
      })
    },
    async changePassword(id, original, password) {
      const before = (await store.findPasswordHash(db.sql, id)) ?? null
      if (!(await passwords.verify(original, before))) throw wrongPassword()
      const after = await passwords.hash(password)
      await tokens.revoking(async (tx, revoke) => {
        await store.lockUser(tx, id)
        if ((await store.findPasswordHash(tx, id)) !== before) throw wrongPassword()
        await store.updatePasswordHash(tx, id, after)
        await revoke('user', id)
      })
    },
    async delete(id) {
      await tokens.revoking(async (tx, revoke) => {
        if (!(await store.lockUser(tx, id))) missing(id)
        await store.deleteUser(tx, id)
        await revoke('user', id)
      })
    },
  }
}

function changedMaps(before: User, { options = {}, extra = {} }: Pick<UserChanges, 'options' | 'extra'>) {
  return { options: changedAttributes(before.options, options), extra: changedAttributes(before.extra, extra) }
}

function missing(id: string): never {
  throw notFound(`Could not find user: ${id}.`)
}

function wrongPassword(): Problem {
  return new Problem('unauthorized', 'The request you have made requires authentication.')
}

function refused({ name, domain_id }: User): (error: unknown) => never {
  return (error) => {
    if (isUniqueViolation(error)) {
      throw conflict(`Conflict occurred attempting to store user - Duplicate entry found with name ${name}.`)
    }
    if (isForeignKeyViolation(error)) throw badRequest(`Could not find domain: ${domain_id}.`)
    throw error
  }
}
