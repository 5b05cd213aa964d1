import { notFound } from '../../kernel/index.ts'
import type { Tagged } from '../../network/index.ts'
import { type Call, type HttpRoute, validator } from '../../platform/http/index.ts'
import { askerOf, type Findable, type Gate, grantedItem } from './asker.ts'
import { Tag, TagsBody } from './schemas.ts'

const checkTags = validator(TagsBody, { what: 'tags' })
const checkTag = validator(Tag, { what: 'tag' })

interface Taggable<Item> extends Findable<Item> {
  readonly path: string
  readonly tagged?: Tagged
}

/** The tags of a resource, all together and one by one; none where it has no tags. */
export function tagRoutes<Item extends { id: string; project_id: string; tags?: readonly string[] }>(
  gate: Gate,
  resource: Taggable<Item>,
): HttpRoute[] {
  const { tagged } = resource
  if (tagged === undefined) return []
  const base = `/v2.0/${resource.path}/:id/tags`
  const one = `${base}/:tag`

  async function tagsOf(call: Call): Promise<readonly string[]> {
    const asker = askerOf(gate, call)
    gate.policy.enforce(`get_${resource.one}`, asker.ctx)
    return (await resource.show(asker, call.params.id ?? '')).tags ?? []
  }
  async function changeable(call: Call): Promise<string> {
    return (await grantedItem(resource, askerOf(gate, call), call, 'update')).id
  }
  const tagOf = (call: Call): string => checkTag(call.params.tag ?? '')

  return [
    { method: 'GET', path: base, handle: async (call) => ({ status: 200, body: { tags: await tagsOf(call) } }) },
    {
      method: 'PUT',
      path: base,
      async handle(call) {
        const id = await changeable(call)
        const { tags } = checkTags(await call.json())
        await gate.tags.replace(tagged, id, tags)
        return { status: 200, body: { tags: [...new Set(tags)] } }
      },
    },
    {
      method: 'DELETE',
      path: base,
      async handle(call) {
        await gate.tags.replace(tagged, await changeable(call), [])
        return { status: 204 }
      },
    },
    {
      method: 'GET',
      path: one,
      async handle(call) {
        const tag = tagOf(call)
        if (!(await tagsOf(call)).includes(tag)) throw notFound(`Tag ${tag} could not be found.`)
        return { status: 204 }
      },
    },
    {
      method: 'PUT',
      path: one,
      async handle(call) {
        await gate.tags.add(tagged, await changeable(call), tagOf(call))
        return { status: 201 }
      },
    },
    {
      method: 'DELETE',
      path: one,
      async handle(call) {
        await gate.tags.remove(tagged, await changeable(call), tagOf(call))
        return { status: 204 }
      },
    },
  ]
}
