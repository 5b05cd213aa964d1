import { Type as T } from '@sinclair/typebox'
import type { Compute } from '../../compute/index.ts'
import { badRequest, notFound } from '../../kernel/index.ts'
import { Metadata, Tag } from './fields.ts'
import { bodyShape, Reply, resource, route } from './route.ts'
import { serverSubject } from './servers.ts'
import { addresses } from './views/servers.ts'

const MetadataBody = bodyShape('server.metadata', { metadata: Metadata }, (inner) => inner)
const MetadataItem = bodyShape('server.metadata_item', { meta: Metadata }, (inner) => inner)
const TagsBody = bodyShape('server.tags', { tags: T.Array(Tag, { maxItems: 50, uniqueItems: true }) }, (inner) => inner)
const NoBody = bodyShape('server.tag', {}, () => T.Null())

const MAX_TAGS = 50

/** Addresses, metadata and tags of a server. */
export function serverParts(compute: Compute) {
  const { servers } = compute
  const subject = serverSubject(compute)
  const METADATA = '/servers/:server_id/metadata'
  const TAGS = '/servers/:server_id/tags'

  return resource('server-parts', [
    route('GET', '/servers/:server_id/ips', {
      policy: 'os_compute_api:ips:index',
      subject,
      ok: 200,
      handle: ({ subject }) => ({ addresses: plainAddresses(subject.located.server.vifs) }),
    }),

    route('GET', '/servers/:server_id/ips/:label', {
      policy: 'os_compute_api:ips:show',
      subject,
      ok: 200,
      handle({ subject, params }) {
        const entries = plainAddresses(subject.located.server.vifs)[params.label!]
        if (!entries) throw notFound(`Instance is not a member of specified network`)
        return { [params.label!]: entries }
      },
    }),

    route('GET', METADATA, {
      policy: 'os_compute_api:server-metadata:index',
      subject,
      ok: 200,
      handle: ({ subject }) => ({ metadata: subject.located.server.metadata }),
    }),

    route('POST', METADATA, {
      policy: 'os_compute_api:server-metadata:create',
      subject,
      body: MetadataBody,
      ok: 200,
      handle: async ({ ctx, subject, body }) => ({
        metadata: await servers.setMetadata(ctx, subject.located, (old) => ({ ...old, ...body.metadata })),
      }),
    }),

    route('PUT', METADATA, {
      policy: 'os_compute_api:server-metadata:update_all',
      subject,
      body: MetadataBody,
      ok: 200,
      handle: async ({ ctx, subject, body }) => ({
        metadata: await servers.setMetadata(ctx, subject.located, () => body.metadata),
      }),
    }),

    route('GET', `${METADATA}/:key`, {
      policy: 'os_compute_api:server-metadata:show',
      subject,
      ok: 200,
      handle({ subject, params }) {
        const { metadata } = subject.located.server
        if (!Object.hasOwn(metadata, params.key!)) throw notFound('Metadata item was not found')
        return { meta: { [params.key!]: metadata[params.key!] } }
      },
    }),

    route('PUT', `${METADATA}/:key`, {
      policy: 'os_compute_api:server-metadata:update',
      subject,
      body: MetadataItem,
      ok: 200,
      async handle({ ctx, subject, params, body }) {
        const keys = Object.keys(body.meta)
        if (keys.length !== 1) throw badRequest('Request body contains too many items')
        if (keys[0] !== params.key) throw badRequest('Request body and URI mismatch')
        await servers.setMetadata(ctx, subject.located, (old) => ({ ...old, ...body.meta }))
        return { meta: body.meta }
      },
    }),

    route('DELETE', `${METADATA}/:key`, {
      policy: 'os_compute_api:server-metadata:delete',
      subject,
      ok: 204,
      async handle({ ctx, subject, params }) {
        await servers.setMetadata(ctx, subject.located, (old) => {
          if (!Object.hasOwn(old, params.key!)) throw notFound('Metadata item was not found')
          const { [params.key!]: _gone, ...kept } = old
          return kept
        })
      },
    }),

    route('GET', TAGS, {
      since: '2.26',
      policy: 'os_compute_api:os-server-tags:index',
      subject,
      ok: { '2.26': 200 },
      handle: ({ subject }) => ({ tags: subject.located.server.tags }),
    }),

    route('PUT', TAGS, {
      since: '2.26',
      policy: 'os_compute_api:os-server-tags:update_all',
      subject,
      body: TagsBody,
      ok: { '2.26': 200 },
      handle: async ({ ctx, subject, body }) => ({
        tags: await servers.setTags(ctx, subject.located, () => body.tags),
      }),
    }),

    route('DELETE', TAGS, {
      since: '2.26',
      policy: 'os_compute_api:os-server-tags:delete_all',
      subject,
      ok: { '2.26': 204 },
      async handle({ ctx, subject }) {
        await servers.setTags(ctx, subject.located, () => [])
      },
    }),

    route('GET', `${TAGS}/:tag`, {
      since: '2.26',
      policy: 'os_compute_api:os-server-tags:show',
      subject,
      ok: { '2.26': 204 },
      handle({ subject, params }) {
        const { server } = subject.located
        if (!server.tags.includes(params.tag!)) throw missingTag(server.id, params.tag!)
      },
    }),

    route('PUT', `${TAGS}/:tag`, {
      since: '2.26',
      policy: 'os_compute_api:os-server-tags:update',
      subject,
      body: NoBody,
      ok: { '2.26': 201 },
      async handle({ ctx, subject, params, links }) {
        const tag = params.tag!
        if (tag.length > 60 || /[,/]/.test(tag)) throw badRequest(`Invalid tag '${tag.slice(0, 64)}'.`)
        let added = false
        await servers.setTags(ctx, subject.located, (old) => {
          added = !old.includes(tag)
          if (added && old.length >= MAX_TAGS)
            throw badRequest(`The number of tags exceeded the per-server limit ${MAX_TAGS}`)
          return added ? [...old, tag] : [...old]
        })
        const location = links.self(`/servers/${subject.located.server.id}/tags/${encodeURIComponent(tag)}`)
        return new Reply(undefined, { Location: location }, added ? 201 : 204)
      },
    }),

    route('DELETE', `${TAGS}/:tag`, {
      since: '2.26',
      policy: 'os_compute_api:os-server-tags:delete',
      subject,
      ok: { '2.26': 204 },
      async handle({ ctx, subject, params }) {
        const { id } = subject.located.server
        await servers.setTags(ctx, subject.located, (old) => {
          if (!old.includes(params.tag!)) throw missingTag(id, params.tag!)
          return old.filter((tag) => tag !== params.tag)
        })
      },
    }),
  ])
}

const missingTag = (serverId: string, tag: string) => notFound(`Server ${serverId} has no tag '${tag}'`)

/** Without kind and MAC, which only the server's own view has. */
function plainAddresses(vifs: Parameters<typeof addresses>[0]): Record<string, { version: number; addr: string }[]> {
  return Object.fromEntries(
    Object.entries(addresses(vifs)).map(([label, entries]) => [
      label,
      entries.map(({ version, addr }) => ({ version, addr })),
    ]),
  )
}
