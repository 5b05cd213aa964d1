import { Type as T } from '@sinclair/typebox'
import type { Compute, FlavorList, FlavorSortColumn } from '../../compute/index.ts'
import { badRequest } from '../../kernel/index.ts'
import { closed } from './changes.ts'
import { checkExtraSpecs } from './extra-specs.ts'
import {
  Bool,
  boolean,
  CountText,
  ExtraSpecs,
  FlavorSortKey,
  Int,
  integer,
  LongDescription,
  Many,
  Name,
} from './fields.ts'
import { pageOf, paged } from './paging.ts'
import { action, bodyShape, queryShape, resource, type Req, route } from './route.ts'
import { SortDirection } from './server-fields.ts'
import { flavorBrief, flavorView } from './views/flavors.ts'

const FlavorCreate = bodyShape(
  'flavor.create',
  {
    name: Name,
    id: T.Optional(
      T.Union([T.RegExp(/^(?! )[a-zA-Z0-9. _-]+(?<! )$/, { minLength: 1, maxLength: 255 }), T.Number(), T.Null()]),
    ),
    ram: Int(1),
    vcpus: Int(1),
    disk: Int(0),
    'OS-FLV-EXT-DATA:ephemeral': T.Optional(Int(0)),
    swap: T.Optional(Int(0)),
    'os-flavor-access:is_public': T.Optional(Bool),
    description: T.Optional(LongDescription),
  },
  (flavor) => closed({ flavor }),
)

const FlavorUpdate = bodyShape('flavor.update', { description: LongDescription }, (flavor) => closed({ flavor }))
const SetExtraSpecs = bodyShape('flavor.extra_specs', { extra_specs: ExtraSpecs }, (inner) => inner)
const SetExtraSpec = bodyShape('flavor.extra_spec', {}, () => ExtraSpecs)
const Tenant = closed({ tenant: T.String({ minLength: 1, maxLength: 255 }) })
const AddAccess = bodyShape('flavor.add_access', { addTenantAccess: Tenant }, (inner) => inner)
const RemoveAccess = bodyShape('flavor.remove_access', { removeTenantAccess: Tenant }, (inner) => inner)

const FlavorQuery = queryShape('flavors', {
  limit: Many(CountText),
  marker: Many(T.String({ maxLength: 255 })),
  is_public: Many(T.String()),
  minRam: Many(T.String()),
  minDisk: Many(T.String()),
  sort_key: Many(FlavorSortKey({ rxtx: false })),
  sort_dir: SortDirection,
  name: Many(T.String({ maxLength: 255 })),
})
type FlavorQuery = ReturnType<ReturnType<typeof FlavorQuery.at>>

/** Names of the API where they differ from the column's. */
const SORT_COLUMNS: Record<string, FlavorSortColumn> = { flavorid: 'flavor_id', swap: 'swap_mb', vcpu_weight: 'id' }

/** `?is_public=`: absent means public only, a word for none means all. */
function isPublic(text: string | undefined): boolean | null {
  if (text === undefined) return true
  if (text === '' || text.toLowerCase() === 'none') return null
  if (/^(1|t|true|on|y|yes)$/i.test(text)) return true
  if (/^(0|f|false|off|n|no)$/i.test(text)) return false
  throw badRequest(`Invalid is_public filter [${text.slice(0, 64)}]`)
}

function minimum(name: string, text: string | undefined): number {
  if (text === undefined) return 0
  if (!/^-?\d{1,9}$/.test(text)) throw badRequest(`Invalid ${name} filter [${text.slice(0, 64)}]`)
  return Number(text)
}

function flavorList(query: FlavorQuery, maxLimit: number): FlavorList {
  const sortKey = query.sort_key?.[0] ?? 'flavorid'
  return {
    is_public: isPublic(query.is_public?.at(-1)),
    min_memory_mb: minimum('min_ram', query.minRam?.at(-1)),
    min_root_gb: minimum('min_disk', query.minDisk?.at(-1)),
    sort_column: SORT_COLUMNS[sortKey] ?? (sortKey as FlavorSortColumn),
    descending: query.sort_dir?.[0] === 'desc',
    name: query.name?.at(-1) ?? null,
    ...pageOf(query, maxLimit),
  }
}

const texts = (specs: Readonly<Record<string, string | number>>): Record<string, string> =>
  Object.fromEntries(Object.entries(specs).map(([key, value]) => [key, String(value)]))

export function flavors({ flavors }: Compute, { maxLimit }: { maxLimit: number }) {
  async function list(req: Req<null, FlavorQuery>, view: typeof flavorView) {
    const query = flavorList(req.query, maxLimit)
    const items = query.limit === 0 ? [] : await flavors.list(req.ctx, query)
    return paged(req, 'flavors', items, { view, page: query, marker: (flavor) => flavor.flavor_id })
  }

  return resource('flavors', [
    route('GET', '/flavors', { policy: null, query: FlavorQuery, ok: 200, handle: (req) => list(req, flavorBrief) }),

    route('GET', '/flavors/detail', {
      policy: null,
      query: FlavorQuery,
      ok: 200,
      handle: (req) => list(req, flavorView),
    }),

    route('POST', '/flavors', {
      policy: 'os_compute_api:os-flavor-manage:create',
      body: FlavorCreate,
      ok: 200,
      async handle({ body: { flavor }, as }) {
        const id = flavor.id === undefined || flavor.id === null || flavor.id === 'auto' ? null : String(flavor.id)
        const isPublic = flavor['os-flavor-access:is_public']
        const created = await flavors.create({
          flavor_id: id,
          name: flavor.name,
          description: flavor.description ?? null,
          memory_mb: integer(flavor.ram),
          vcpus: integer(flavor.vcpus),
          root_gb: integer(flavor.disk),
          ephemeral_gb: integer(flavor['OS-FLV-EXT-DATA:ephemeral'] ?? 0),
          swap_mb: integer(flavor.swap ?? 0),
          rxtx_factor: Number((flavor as { rxtx_factor?: number | string }).rxtx_factor ?? 1),
          is_public: isPublic === undefined ? true : boolean(isPublic),
        })
        return { flavor: as(flavorView, created) }
      },
    }),

    route('GET', '/flavors/:id', {
      policy: null,
      ok: 200,
      handle: async ({ ctx, params, as }) => ({ flavor: as(flavorView, await flavors.show(ctx, params.id!)) }),
    }),

    route('PUT', '/flavors/:id', {
      since: '2.55',
      policy: 'os_compute_api:os-flavor-manage:update',
      body: FlavorUpdate,
      ok: 200,
      handle: async ({ params, body, as }) => ({
        flavor: as(flavorView, await flavors.describe(params.id!, body.flavor.description)),
      }),
    }),

    route('DELETE', '/flavors/:id', {
      policy: 'os_compute_api:os-flavor-manage:delete',
      ok: 202,
      handle: ({ params }) => flavors.delete(params.id!),
    }),

    action('/flavors/:id/action', 'addTenantAccess', {
      policy: 'os_compute_api:os-flavor-access:add_tenant_access',
      body: AddAccess,
      ok: 200,
      handle: async ({ ctx, params, body, does }) => ({
        flavor_access: await flavors.grant(ctx, params.id!, body.addTenantAccess.tenant, {
          strict: does('public-flavor-takes-no-access'),
        }),
      }),
    }),

    action('/flavors/:id/action', 'removeTenantAccess', {
      policy: 'os_compute_api:os-flavor-access:remove_tenant_access',
      body: RemoveAccess,
      ok: 200,
      handle: async ({ ctx, params, body }) => ({
        flavor_access: await flavors.revoke(ctx, params.id!, body.removeTenantAccess.tenant),
      }),
    }),

    route('GET', '/flavors/:id/os-flavor-access', {
      policy: 'os_compute_api:os-flavor-access',
      ok: 200,
      handle: async ({ ctx, params }) => ({ flavor_access: await flavors.access(ctx, params.id!) }),
    }),

    route('GET', '/flavors/:id/os-extra_specs', {
      policy: 'os_compute_api:os-flavor-extra-specs:index',
      ok: 200,
      handle: async ({ ctx, params }) => ({ extra_specs: (await flavors.show(ctx, params.id!)).extra_specs }),
    }),

    route('POST', '/flavors/:id/os-extra_specs', {
      policy: 'os_compute_api:os-flavor-extra-specs:create',
      body: SetExtraSpecs,
      ok: 200,
      async handle({ params, body, does }) {
        const specs = texts(body.extra_specs)
        if (does('extra-specs-are-checked')) checkExtraSpecs(specs)
        await flavors.setExtraSpecs(params.id!, specs)
        return { extra_specs: specs }
      },
    }),

    route('GET', '/flavors/:id/os-extra_specs/:key', {
      policy: 'os_compute_api:os-flavor-extra-specs:show',
      ok: 200,
      handle: async ({ ctx, params }) => ({
        [params.key!]: await flavors.showExtraSpec(ctx, params.id!, params.key!),
      }),
    }),

    route('PUT', '/flavors/:id/os-extra_specs/:key', {
      policy: 'os_compute_api:os-flavor-extra-specs:update',
      body: SetExtraSpec,
      ok: 200,
      async handle({ params, body, does }) {
        const specs = texts(body)
        const [key, ...more] = Object.keys(specs)
        if (key === undefined || more.length > 0) throw badRequest('The body must have exactly one key.')
        if (key !== params.key) throw badRequest('Request body and URI mismatch')
        if (does('extra-specs-are-checked')) checkExtraSpecs(specs)
        await flavors.setExtraSpecs(params.id!, specs)
        return specs
      },
    }),

    route('DELETE', '/flavors/:id/os-extra_specs/:key', {
      policy: 'os_compute_api:os-flavor-extra-specs:delete',
      ok: 200,
      handle: ({ ctx, params }) => flavors.deleteExtraSpec(ctx, params.id!, params.key!),
    }),
  ])
}
