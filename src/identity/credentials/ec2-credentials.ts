import { badRequest, newHexId, notFound, Problem } from '../../kernel/index.ts'
import type { GlobalDb } from '../../platform/db/index.ts'
import { type Listing, listing, pageSize } from '../listing.ts'
import type { TokenInfo } from '../tokens/token.ts'
import { refuseRestricted } from './application-credentials.ts'
import * as store from './ec2-credentials.store.ts'
import type { Ec2Credential } from './ec2-credentials.store.ts'

export interface Ec2Credentials {
  /** Of one user, or of all. */
  list(filter: { user_id?: string | undefined }): Promise<Listing<Ec2Credential>>
  /** @throws {Problem} not_found, also when it is another user's */
  show(userId: string, access: string): Promise<Ec2Credential>
  /** For checking a signature. What the key may do is what its user may do in the project at that moment. */
  find(access: string): Promise<Ec2Credential | undefined>
  /**
   * @throws {Problem} forbidden with a token of a restricted credential; bad_request for a user without a role in the
   *   project
   */
  create(token: TokenInfo, owner: Pick<Ec2Credential, 'user_id' | 'project_id'>): Promise<Ec2Credential>
  /** @throws {Problem} not_found, or forbidden with a token of a restricted credential */
  delete(token: TokenInfo, userId: string, access: string): Promise<void>
}

/** Key pairs one user may have. */
export const MAX_EC2_CREDENTIALS = 500

export function createEc2Credentials({ db }: { db: GlobalDb }): Ec2Credentials {
  return {
    async list(filter) {
      const size = pageSize({})
      return listing(await store.listCredentials(db.sql, filter, size + 1), size)
    },
    async show(userId, access) {
      const credential = await store.findCredential(db.sql, access)
      return credential?.user_id === userId ? credential : missing(access)
    },
    find: (access) => store.findCredential(db.sql, access),
    async create(token, owner) {
      refuseRestricted(token)
      const credential = { ...owner, access: newHexId(), secret: newHexId() }
      await db.transaction(async (tx) => {
        if ((await store.countCredentials(tx, owner.user_id)) >= MAX_EC2_CREDENTIALS) {
          throw new Problem('over_quota', `A user can have ${MAX_EC2_CREDENTIALS} EC2 credentials at most.`)
        }
        if (!(await store.hasRole(tx, owner))) throw badRequest('The user has no role in this project.')
        await store.insertCredential(tx, credential)
      })
      return credential
    },
    async delete(token, userId, access) {
      refuseRestricted(token)
      if (!(await store.deleteCredential(db.sql, userId, access))) missing(access)
    },
  }
}

function missing(access: string): never {
  throw notFound(`Could not find credential: ${access}.`)
}
