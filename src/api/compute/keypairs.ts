import { Type as T } from '@sinclair/typebox'
import type { Compute } from '../../compute/index.ts'
import { closed } from './changes.ts'
import { CountText, KeypairName, Many } from './fields.ts'
import { pageOf, paged } from './paging.ts'
import { type Asked, bodyShape, queryShape, resource, route } from './route.ts'
import { keypairCreated, keypairListed, keypairView } from './views/keypairs.ts'

const KeypairCreate = bodyShape(
  'keypair.create',
  {
    name: KeypairName,
    public_key: T.String(),
    type: T.Optional(T.Union([T.Literal('ssh'), T.Literal('x509')])),
    user_id: T.Optional(T.String({ maxLength: 255 })),
  },
  (keypair) => closed({ keypair }),
)

const UserId = Many(T.String({ maxLength: 255 }))
const KeypairQuery = queryShape('keypair', { user_id: UserId })
const KeypairsQuery = queryShape('keypairs', {
  user_id: UserId,
  limit: Many(CountText),
  marker: Many(T.String({ maxLength: 255 })),
})

export function keypairs({ keypairs }: Compute, { maxLimit }: { maxLimit: number }) {
  /** Whose keypairs these are: the caller's, or those of another user where the caller may. */
  function owner(req: Asked, rule: string, asked: string | undefined): string {
    const userId = asked ?? req.ctx.userId
    req.must(rule, { user_id: userId })
    return userId
  }

  return resource('os-keypairs', [
    route('GET', '/os-keypairs', {
      policy: null,
      query: KeypairsQuery,
      ok: 200,
      async handle(req) {
        const userId = owner(req, 'os_compute_api:os-keypairs:index', req.query.user_id?.at(-1))
        const page = pageOf(req.query, maxLimit)
        const items = page.limit === 0 ? [] : await keypairs.list(userId, page)
        return paged(req, 'keypairs', items, {
          view: keypairListed,
          page: req.does('keypairs-in-pages') ? page : null,
          marker: (keypair) => keypair.name,
          wrap: 'keypair',
        })
      },
    }),

    route('POST', '/os-keypairs', {
      policy: null,
      body: KeypairCreate,
      ok: { '2.1': 200, '2.2': 201 },
      async handle(req) {
        // Until 2.92 the key may be missing: then one is made.
        const { name, type, user_id, public_key }: Partial<typeof req.body.keypair> & { name: string } =
          req.body.keypair
        const userId = owner(req, 'os_compute_api:os-keypairs:create', user_id)
        const wanted = { userId, name, type: type ?? ('ssh' as const), publicKey: public_key ?? null }
        const created = await keypairs.create(req.ctx, wanted)
        return { keypair: req.as(keypairCreated, created) }
      },
    }),

    route('GET', '/os-keypairs/:id', {
      policy: null,
      query: KeypairQuery,
      ok: 200,
      async handle(req) {
        const userId = owner(req, 'os_compute_api:os-keypairs:show', req.query.user_id?.at(-1))
        return { keypair: req.as(keypairView, await keypairs.show(userId, req.params.id!)) }
      },
    }),

    route('DELETE', '/os-keypairs/:id', {
      policy: null,
      query: KeypairQuery,
      ok: { '2.1': 202, '2.2': 204 },
      async handle(req) {
        const userId = owner(req, 'os_compute_api:os-keypairs:delete', req.query.user_id?.at(-1))
        await keypairs.delete(userId, req.params.id!)
      },
    }),
  ])
}
