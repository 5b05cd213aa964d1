import { Type as T } from '@sinclair/typebox'
import { type Image, type ImageFields, type Images } from '../../image/index.ts'
import { badRequest, forbidden, isUuid, notFound, Problem, type RequestContext } from '../../kernel/index.ts'
import { type Answer, type Call, type HttpRoute, validator } from '../../platform/http/index.ts'
import { defaultFields, fieldsOf, setAttribute, tagList } from './attributes.ts'
import { PATCH_TYPE } from './faults.ts'
import type { Gate } from './gate.ts'
import { listQuery } from './list-query.ts'
import { applyPatch, parsePatch } from './patch.ts'
import { imageView } from './view.ts'

const parseNewImage = validator(T.Object({ id: T.Optional(T.String()) }), { what: 'image' })

/** Images themselves: create, list, show, change, delete, tags. */
export function imageRoutes(images: Images, gate: Gate): HttpRoute[] {
  async function list(call: Call): Promise<Answer> {
    const ctx = gate.caller(call, 'get_images')
    const query = listQuery(call.query)
    if (query.marker !== undefined) await mustExist(images, ctx, query.marker)
    // One more than shown tells whether there is a next page.
    const found = await images.list(ctx, { ...query, limit: query.limit + 1 })
    const page = found.slice(0, query.limit)
    const next = found.length > page.length && page.length > 0 ? { next: nextLink(call.query, page.at(-1)!.id) } : {}
    return {
      status: 200,
      body: { images: page.map(imageView), first: firstLink(call.query), ...next, schema: '/v2/schemas/images' },
    }
  }

  async function create(call: Call): Promise<Answer> {
    const ctx = gate.caller(call, 'add_image')
    const { id, ...rest }: { id?: string } = parseNewImage(await call.json())
    if (id !== undefined && !isUuid(id)) throw badRequest(`Invalid image id format: '${id.slice(0, 64)}'`)
    let fields = defaultFields(ctx.projectId)
    for (const [name, value] of Object.entries(rest)) fields = setAttribute(fields, name, value)
    authoriseChange(ctx, defaultFields(ctx.projectId), fields)
    const image = await images.create(ctx, fields, id)
    return { status: 201, body: imageView(image), headers: { location: `${call.baseUrl}/v2/images/${image.id}` } }
  }

  async function patch(call: Call): Promise<Answer> {
    const { ctx, image } = await gate.image(call, 'modify_image')
    if (call.request.headers.get('content-type')?.split(';')[0]?.trim() !== PATCH_TYPE) {
      throw new Problem('unsupported_media_type', `The content type of a patch is ${PATCH_TYPE}.`)
    }
    const operations = parsePatch(await call.json())
    const changed = await images.change(ctx, image.id, (current) => {
      const fields = applyPatch(current, operations)
      authoriseChange(ctx, current, fields)
      return fields
    })
    return { status: 200, body: imageView(changed) }
  }

  /** Some values ask for more than the right to change the image. */
  function authoriseChange(ctx: RequestContext, before: ImageFields, after: ImageFields): void {
    const target = { project_id: before.owner, owner: before.owner, visibility: after.visibility }
    if (after.visibility !== before.visibility) {
      if (after.visibility === 'public') gate.enforce('publicize_image', ctx, target)
      if (after.visibility === 'community') gate.enforce('communitize_image', ctx, target)
    }
    if (after.owner !== before.owner && !ctx.isAdmin)
      throw forbidden(`You are not permitted to set the owner of an image.`)
  }

  async function changeTags(call: Call, change: (tags: readonly string[], tag: string) => string[]): Promise<Answer> {
    const { ctx, image } = await gate.image(call, 'modify_image')
    const tag = call.params.tag!
    if (tag.length > 255) throw badRequest('A tag has at most 255 characters.')
    await images.change(ctx, image.id, (current) => ({
      ...fieldsOf(current),
      tags: tagList(change(current.tags, tag)),
    }))
    return { status: 204 }
  }

  return [
    { method: 'GET', path: '/v2/images', handle: list },
    { method: 'POST', path: '/v2/images', handle: create },
    {
      method: 'GET',
      path: '/v2/images/:image_id',
      handle: async (call) => ({ status: 200, body: imageView((await gate.image(call, 'get_image')).image) }),
    },
    { method: 'PATCH', path: '/v2/images/:image_id', handle: patch },
    {
      method: 'DELETE',
      path: '/v2/images/:image_id',
      async handle(call) {
        const { ctx, image } = await gate.image(call, 'delete_image')
        await images.delete(ctx, image.id)
        return { status: 204 }
      },
    },
    {
      method: 'PUT',
      path: '/v2/images/:image_id/tags/:tag',
      handle: (call) => changeTags(call, (tags, tag) => [...tags, tag]),
    },
    {
      method: 'DELETE',
      path: '/v2/images/:image_id/tags/:tag',
      handle: (call) => changeTags(call, withoutTag),
    },
    ...(['deactivate', 'reactivate'] as const).map((action): HttpRoute => ({
      method: 'POST',
      path: `/v2/images/:image_id/actions/${action}`,
      async handle(call) {
        const { ctx, image } = await gate.image(call, action)
        await images.setDeactivated(ctx, image.id, action === 'deactivate')
        return { status: 204 }
      },
    })),
  ]
}

function withoutTag(tags: readonly string[], tag: string): string[] {
  if (!tags.includes(tag)) throw notFound(`Tag ${tag} was not found on the image.`)
  return tags.filter((each) => each !== tag)
}

async function mustExist(images: Images, ctx: RequestContext, marker: string): Promise<Image> {
  return images.show(ctx, marker).catch((error: unknown) => {
    if (error instanceof Problem && error.kind === 'not_found') {
      throw badRequest(`Invalid marker. Image ${marker} could not be found.`)
    }
    throw error
  })
}

function firstLink(query: URLSearchParams): string {
  const first = new URLSearchParams(query)
  first.delete('marker')
  return first.size > 0 ? `/v2/images?${first}` : '/v2/images'
}

function nextLink(query: URLSearchParams, marker: string): string {
  const next = new URLSearchParams(query)
  next.set('marker', marker)
  return `/v2/images?${next}`
}
