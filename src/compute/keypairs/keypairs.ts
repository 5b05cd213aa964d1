import { badRequest, conflict, notFound, Problem, type RequestContext } from '../../kernel/index.ts'
import { type GlobalDb, isUniqueViolation } from '../../platform/db/index.ts'
import type { Quotas } from '../quotas/quotas.ts'
import { generateCertificate } from './certificate.ts'
import {
  countKeypairs,
  deleteKeypair,
  findKeypair,
  insertKeypair,
  type Keypair,
  type KeypairType,
  listKeypairs,
} from './keypairs.store.ts'
import { fingerprint, generateSshKey } from './public-key.ts'

export interface NewKeypair {
  readonly keypair: Keypair
  /** Only where the cloud made the key: shown once, kept nowhere. */
  readonly private_key?: string
}

const generate = (type: KeypairType, userId: string) =>
  type === 'ssh' ? generateSshKey() : generateCertificate(userId, new Date())

export type Keypairs = ReturnType<typeof createKeypairs>

/** Key pairs of users. They belong to a user, not to a project. */
export function createKeypairs({ db, quotas }: { readonly db: GlobalDb; readonly quotas: Quotas }) {
  return {
    /**
     * @param userId whose it is to be; how many there may be follows from the project of `ctx`
     * @param publicKey null to have a pair made. @throws {Problem} bad_request, conflict, over_quota
     */
    async create(
      ctx: RequestContext,
      { userId, name, type, publicKey }: { userId: string; name: string; type: KeypairType; publicKey: string | null },
    ): Promise<NewKeypair> {
      const { key_pairs: limit } = await quotas.limitsOf(ctx.projectId, userId)
      const made = publicKey === null ? await generate(type, userId) : { public_key: publicKey }
      const row = { user_id: userId, name, type, public_key: made.public_key }
      try {
        const keypair = await insertKeypair(db, { ...row, fingerprint: fingerprint(type, made.public_key) }, limit)
        if (!keypair) throw new Problem('over_quota', 'Quota exceeded, too many key pairs.')
        return 'private_key' in made ? { keypair, private_key: made.private_key } : { keypair }
      } catch (error) {
        if (isUniqueViolation(error)) throw conflict(`Key pair '${name}' already exists.`)
        throw error
      }
    },

    /** In order of names. @throws {Problem} bad_request: unknown marker */
    async list(userId: string, page: { limit: number; marker: string | null }): Promise<Keypair[]> {
      if (page.marker !== null && !(await findKeypair(db.sql, userId, page.marker))) {
        throw badRequest(`marker [${page.marker}] not found`)
      }
      return listKeypairs(db, userId, page)
    },

    async show(userId: string, name: string): Promise<Keypair> {
      const keypair = await findKeypair(db.sql, userId, name)
      if (!keypair) throw notFound(`Keypair ${name} not found for user ${userId}`)
      return keypair
    },

    count: (userId: string): Promise<number> => countKeypairs(db, userId),

    async delete(userId: string, name: string): Promise<void> {
      if (!(await deleteKeypair(db, userId, name))) throw notFound(`Keypair ${name} not found for user ${userId}`)
    },
  }
}
