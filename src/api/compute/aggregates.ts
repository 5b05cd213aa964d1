import { Type as T } from '@sinclair/typebox'
import type { Compute } from '../../compute/index.ts'
import { badRequest } from '../../kernel/index.ts'
import { closed } from './changes.ts'
import { canonicalUuid, Fqdn, MAX_INTEGER, Name, Uuid, ZoneName } from './fields.ts'
import { action, type Asked, bodyShape, resource, route } from './route.ts'
import { aggregateCreated, aggregateView } from './views/aggregates.ts'

const Create = bodyShape(
  'aggregate.create',
  { name: Name, availability_zone: T.Optional(T.Union([ZoneName, T.Null()])) },
  (aggregate) => closed({ aggregate }),
)
const Update = bodyShape(
  'aggregate.update',
  { name: T.Optional(Name), availability_zone: T.Optional(T.Union([ZoneName, T.Null()])) },
  (aggregate) => closed({ aggregate }),
)
const AddHost = bodyShape('aggregate.add_host', { add_host: closed({ host: Fqdn }) }, (inner) => inner)
const RemoveHost = bodyShape('aggregate.remove_host', { remove_host: closed({ host: Fqdn }) }, (inner) => inner)
const SetMetadata = bodyShape(
  'aggregate.set_metadata',
  {
    set_metadata: closed({
      metadata: T.Record(
        T.String({ pattern: '^[a-zA-Z0-9\\-_:. ]{1,255}$' }),
        T.Union([T.String({ maxLength: 255 }), T.Null()]),
        { additionalProperties: false },
      ),
    }),
  },
  (inner) => inner,
)

const CacheImages = bodyShape(
  'aggregate.images',
  { cache: T.Array(closed({ id: Uuid }), { minItems: 1, maxItems: 100, uniqueItems: true }) },
  (inner) => inner,
)

/** Aggregates have numbers, in the path as well. */
function idOf({ params }: Asked): number {
  const id = params.id!
  if (!/^\d{1,10}$/.test(id) || Number(id) > MAX_INTEGER) {
    throw badRequest(`Invalid input for field/attribute id. Value: ${id.slice(0, 64)}. It is not an integer.`)
  }
  return Number(id)
}

const ACTION = '/os-aggregates/:id/action'

/** Groups of hosts, and by them availability zones. */
export function aggregates({ aggregates }: Compute) {
  return resource('os-aggregates', [
    route('GET', '/os-aggregates', {
      policy: 'os_compute_api:os-aggregates:index',
      ok: 200,
      handle: async ({ as }) => ({ aggregates: (await aggregates.list()).map((each) => as(aggregateView, each)) }),
    }),

    route('POST', '/os-aggregates', {
      policy: 'os_compute_api:os-aggregates:create',
      body: Create,
      ok: 200,
      async handle({ body: { aggregate }, as }) {
        const made = await aggregates.create(aggregate.name, aggregate.availability_zone ?? null)
        return { aggregate: as(aggregateCreated, made) }
      },
    }),

    route('GET', '/os-aggregates/:id', {
      policy: 'os_compute_api:os-aggregates:show',
      ok: 200,
      handle: async (req) => ({ aggregate: req.as(aggregateView, await aggregates.show(idOf(req))) }),
    }),

    route('PUT', '/os-aggregates/:id', {
      policy: 'os_compute_api:os-aggregates:update',
      body: Update,
      ok: 200,
      async handle(req) {
        const { name, availability_zone: zone } = req.body.aggregate
        if (name === undefined && zone === undefined) throw badRequest('Nothing to update was given.')
        const changes = { ...(name === undefined ? {} : { name }), ...(zone === undefined ? {} : { zone }) }
        return { aggregate: req.as(aggregateView, await aggregates.update(idOf(req), changes)) }
      },
    }),

    route('DELETE', '/os-aggregates/:id', {
      policy: 'os_compute_api:os-aggregates:delete',
      ok: 200,
      handle: (req) => aggregates.delete(idOf(req)),
    }),

    route('POST', '/os-aggregates/:id/images', {
      since: '2.81',
      policy: 'compute:aggregates:images',
      body: CacheImages,
      ok: 202,
      handle: (req) =>
        aggregates.cacheImages(req.ctx, idOf(req), req.body.cache.map(({ id }) => canonicalUuid(id))),
    }),

    action(ACTION, 'add_host', {
      policy: 'os_compute_api:os-aggregates:add_host',
      body: AddHost,
      ok: 200,
      handle: async (req) => ({
        aggregate: req.as(aggregateView, await aggregates.addHost(idOf(req), req.body.add_host.host)),
      }),
    }),

    action(ACTION, 'remove_host', {
      policy: 'os_compute_api:os-aggregates:remove_host',
      body: RemoveHost,
      ok: 200,
      handle: async (req) => ({
        aggregate: req.as(aggregateView, await aggregates.removeHost(idOf(req), req.body.remove_host.host)),
      }),
    }),

    action(ACTION, 'set_metadata', {
      policy: 'os_compute_api:os-aggregates:set_metadata',
      body: SetMetadata,
      ok: 200,
      handle: async (req) => ({
        aggregate: req.as(aggregateView, await aggregates.setMetadata(idOf(req), req.body.set_metadata.metadata)),
      }),
    }),
  ])
}
