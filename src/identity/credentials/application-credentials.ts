import { randomBytes } from 'node:crypto'
import { badRequest, conflict, forbidden, newHexId, notFound, Problem } from '../../kernel/index.ts'
import { type GlobalDb, isUniqueViolation } from '../../platform/db/index.ts'
import type { Passwords } from '../passwords.ts'
import type { Named, TokenInfo } from '../tokens/token.ts'
import type { Tokens } from '../tokens/tokens.ts'
import * as store from './application-credentials.store.ts'
import type { ApplicationCredential } from './application-credentials.store.ts'

export interface NewApplicationCredential {
  readonly name: string
  readonly description?: string | null | undefined
  /** Absent: a random one. */
  readonly secret?: string | undefined
  /** Of the roles of the token, by id or name. Absent: all of them. */
  readonly roles?: readonly ({ readonly id: string } | { readonly name: string })[] | undefined
  readonly unrestricted?: boolean | undefined
  readonly expires_at?: Date | null | undefined
}

export interface CredentialWithSecret {
  readonly credential: ApplicationCredential
  readonly secret: string
}

export interface ApplicationCredentials {
  list(userId: string, name?: string): Promise<readonly ApplicationCredential[]>
  /** @throws {Problem} not_found */
  show(userId: string, id: string): Promise<ApplicationCredential>
  /**
   * A credential for the project and at most the roles of the token. The secret is told this once.
   * @throws {Problem} forbidden for a token without project or of a restricted credential; conflict when the name is
   *   taken; bad_request for roles that the token does not carry
   */
  create(token: TokenInfo, input: NewApplicationCredential): Promise<CredentialWithSecret>
  /** Ends the tokens made with it. @throws {Problem} not_found, or forbidden for a restricted credential */
  delete(token: TokenInfo, userId: string, id: string): Promise<void>
}

/** Credentials one user may have. */
export const MAX_APPLICATION_CREDENTIALS = 500
const SECRET_BYTES = 64

export interface ApplicationCredentialsOptions {
  readonly db: GlobalDb
  readonly tokens: Tokens
  readonly passwords: Passwords
}

export function createApplicationCredentials(options: ApplicationCredentialsOptions): ApplicationCredentials {
  const { db, tokens, passwords } = options
  return {
    list: (userId, name) => store.listCredentials(db.sql, userId, name),
    async show(userId, id) {
      return (await store.findCredential(db.sql, userId, id)) ?? missing(id)
    },
    async create(token, input) {
      refuseRestricted(token)
      if (token.scope.kind !== 'project') {
        throw forbidden('An application credential is made with a token that is scoped to a project.')
      }
      const credential = {
        id: newHexId(),
        name: input.name,
        description: input.description ?? null,
        user_id: token.user.id,
        project_id: token.scope.project.id,
        unrestricted: input.unrestricted ?? false,
        expires_at: input.expires_at ?? null,
        roles: chosenRoles(token, input.roles).map((role) => ({ ...role, description: null, immutable: false })),
      }
      const secret = input.secret ?? randomBytes(SECRET_BYTES).toString('base64url')
      const hash = await passwords.hash(secret)
      await db.transaction(async (tx) => {
        if ((await store.countCredentials(tx, token.user.id)) >= MAX_APPLICATION_CREDENTIALS) throw tooMany()
        await store.insertCredential(tx, credential, hash).catch(nameTaken(input.name))
      })
      return { credential: (await store.findCredential(db.sql, token.user.id, credential.id)) ?? credential, secret }
    },
    async delete(token, userId, id) {
      refuseRestricted(token)
      await tokens.revoking(async (tx, revoke) => {
        if (!(await store.deleteCredential(tx, userId, id))) missing(id)
        await revoke('credential', id)
      })
    },
  }
}

/** @throws {Problem} forbidden when the token was made with a credential that may not manage credentials */
export function refuseRestricted(token: TokenInfo): void {
  if (token.applicationCredential?.restricted) {
    throw forbidden('A restricted application credential cannot be used to manage credentials.')
  }
}

function chosenRoles({ roles }: TokenInfo, chosen: NewApplicationCredential['roles']): readonly Named[] {
  if (chosen === undefined || chosen.length === 0) return roles
  const found = chosen.map((ref) => {
    const role = roles.find((each) => ('id' in ref ? each.id === ref.id : each.name === ref.name))
    if (!role) throw badRequest('The token does not carry all of the roles asked for.')
    return role
  })
  return [...new Set(found)]
}

function missing(id: string): never {
  throw notFound(`Could not find Application Credential: ${id}.`)
}

function tooMany(): Problem {
  return new Problem('over_quota', `A user can have ${MAX_APPLICATION_CREDENTIALS} application credentials at most.`)
}

function nameTaken(name: string): (error: unknown) => never {
  return (error) => {
    if (!isUniqueViolation(error)) throw error
    throw conflict(`There is an application credential with the name ${name} already.`)
  }
}
