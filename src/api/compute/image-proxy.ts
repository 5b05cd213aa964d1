import type { Compute, ImageFilter } from '../../compute/index.ts'
import { badRequest, notFound } from '../../kernel/index.ts'
import { DateTime, dateTime, Int, integer, Many, Metadata, Text } from './fields.ts'
import { type Page, paged } from './paging.ts'
import { bodyShape, queryShape, type Req, resource, route } from './route.ts'
import { imageProxied, imageProxiedBrief } from './views/image-proxy.ts'

const ImagesQuery = queryShape('images', {
  name: Many(Text),
  status: Many(Text),
  'changes-since': Many(DateTime),
  server: Many(Text),
  type: Many(Text),
  minRam: Many(Int(0)),
  minDisk: Many(Int(0)),
  limit: Many(Int(1)),
  page_size: Many(Int(1)),
  marker: Many(Text),
  offset: Many(Int(1)),
})
type ImagesQuery = ReturnType<ReturnType<typeof ImagesQuery.at>>

const MetadataBody = bodyShape('image.metadata', { metadata: Metadata }, (inner) => inner)
const MetadataItem = bodyShape('image.metadata_item', { meta: Metadata }, (inner) => inner)

/** The image service's word for each of Nova's. */
const STATUSES: Record<string, readonly string[]> = {
  ACTIVE: ['active'],
  SAVING: ['queued', 'saving'],
  ERROR: ['killed'],
  UNKNOWN: ['deactivated'],
}

const until = '2.35'
/** The metadata stayed a little longer. */
const METADATA_UNTIL = '2.38'

/** Images as Nova handed them on. */
export function imageProxy({ proxies: { images } }: Compute, { maxLimit }: { maxLimit: number }) {
  async function list(req: Req<null, ImagesQuery>, view: typeof imageProxied) {
    const filter = filterOf(req.query, maxLimit)
    const page: Page = { limit: filter.limit, marker: filter.marker }
    const found = await images.list(req.ctx, filter)
    return paged(req, 'images', found, { view, page, marker: (image) => image.id })
  }

  return resource('images', [
    route('GET', '/images', {
      until,
      policy: null,
      query: ImagesQuery,
      ok: 200,
      handle: (req) => list(req, imageProxiedBrief),
    }),
    route('GET', '/images/detail', {
      until,
      policy: null,
      query: ImagesQuery,
      ok: 200,
      handle: (req) => list(req, imageProxied),
    }),
    route('GET', '/images/:image_id', {
      until,
      policy: null,
      ok: 200,
      handle: async ({ ctx, params, as }) => ({ image: as(imageProxied, await images.show(ctx, params.image_id!)) }),
    }),
    route('DELETE', '/images/:image_id', {
      until,
      policy: null,
      ok: 204,
      handle: ({ ctx, params }) => images.delete(ctx, params.image_id!),
    }),

    route('GET', '/images/:image_id/metadata', {
      until: METADATA_UNTIL,
      policy: null,
      ok: 200,
      handle: async ({ ctx, params }) => ({ metadata: (await images.show(ctx, params.image_id!)).properties }),
    }),
    route('POST', '/images/:image_id/metadata', {
      until: METADATA_UNTIL,
      policy: null,
      body: MetadataBody,
      ok: 200,
      handle: async ({ ctx, params, body }) => ({
        metadata: await images.changeProperties(ctx, params.image_id!, (old) => ({ ...old, ...body.metadata })),
      }),
    }),
    route('PUT', '/images/:image_id/metadata', {
      until: METADATA_UNTIL,
      policy: null,
      body: MetadataBody,
      ok: 200,
      handle: async ({ ctx, params, body }) => ({
        metadata: await images.changeProperties(ctx, params.image_id!, () => body.metadata),
      }),
    }),
    route('GET', '/images/:image_id/metadata/:key', {
      until: METADATA_UNTIL,
      policy: null,
      ok: 200,
      async handle({ ctx, params }) {
        const { properties } = await images.show(ctx, params.image_id!)
        if (!Object.hasOwn(properties, params.key!)) throw noItem()
        return { meta: { [params.key!]: properties[params.key!] } }
      },
    }),
    route('PUT', '/images/:image_id/metadata/:key', {
      until: METADATA_UNTIL,
      policy: null,
      body: MetadataItem,
      ok: 200,
      async handle({ ctx, params, body }) {
        const keys = Object.keys(body.meta)
        if (keys.length !== 1) throw badRequest('Request body contains too many items')
        if (keys[0] !== params.key) throw badRequest('Request body and URI mismatch')
        await images.changeProperties(ctx, params.image_id!, (old) => ({ ...old, ...body.meta }))
        return { meta: body.meta }
      },
    }),
    route('DELETE', '/images/:image_id/metadata/:key', {
      until: METADATA_UNTIL,
      policy: null,
      ok: 204,
      async handle({ ctx, params }) {
        await images.changeProperties(ctx, params.image_id!, (old) => {
          if (!Object.hasOwn(old, params.key!)) throw noItem()
          const { [params.key!]: _gone, ...kept } = old
          return kept
        })
      },
    }),
  ])
}

const noItem = () => notFound('Invalid metadata key')

function filterOf(query: ImagesQuery, maxLimit: number): ImageFilter {
  const last = <V>(values: readonly V[] | undefined): V | null => values?.at(-1) ?? null
  const number = (values: readonly (number | string)[] | undefined): number | null => {
    const value = last(values)
    return value === null ? null : integer(value)
  }
  const status = last(query.status)
  const since = last(query['changes-since'])
  const server = last(query.server)
  const type = last(query.type)
  return {
    name: last(query.name),
    statuses: status === null ? null : (STATUSES[status.toUpperCase()] ?? [status]),
    changes_since: since === null ? null : dateTime(since),
    min_disk_gb: number(query.minDisk),
    min_ram_mb: number(query.minRam),
    properties: {
      // A server may be named by the address of its resource.
      ...(server === null ? {} : { instance_uuid: server.split('/').pop()! }),
      ...(type === null ? {} : { image_type: type }),
    },
    marker: last(query.marker),
    limit: Math.min(number(query.limit) ?? number(query.page_size) ?? maxLimit, maxLimit),
  }
}
