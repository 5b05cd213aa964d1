import { Type as T } from '@sinclair/typebox'
import { type Images, MEMBER_STATUSES } from '../../image/index.ts'
import { notFound } from '../../kernel/index.ts'
import { type Call, type HttpRoute, validator } from '../../platform/http/index.ts'
import { type Gate, targetOf } from './gate.ts'
import { memberView } from './view.ts'

const MemberId = T.String({ minLength: 1, maxLength: 255 })
const parseNew = validator(T.Object({ member: MemberId }, { additionalProperties: false }), { what: 'member' })
const parseStatus = validator(
  T.Object({ status: T.Union(MEMBER_STATUSES.map((status) => T.Literal(status))) }, { additionalProperties: false }),
  { what: 'member' },
)

/** Sharing: the owner names projects, each of which accepts or rejects for itself. */
export function memberRoutes(images: Images, gate: Gate): HttpRoute[] {
  const { members } = images

  /** Members beside the owner learn of themselves only. */
  function seesAll(ctx: { isAdmin: boolean; projectId: string }, owner: string): boolean {
    return ctx.isAdmin || ctx.projectId === owner
  }

  async function member(call: Call, rule: 'get_member' | 'modify_member') {
    const memberId = call.params.member_id!
    const { ctx, image } = await gate.image(call, 'get_image')
    gate.enforce(rule, ctx, { ...targetOf(image), member_id: memberId })
    if (rule === 'get_member' && !seesAll(ctx, image.owner) && memberId !== ctx.projectId) {
      throw notFound(`${memberId} not found in the member list of the image ${image.id}.`)
    }
    return { image, memberId }
  }

  return [
    {
      method: 'GET',
      path: '/v2/images/:image_id/members',
      async handle(call) {
        const { ctx, image } = await gate.image(call, 'get_members')
        const all = await members.list(image)
        const shown = seesAll(ctx, image.owner) ? all : all.filter(({ member_id }) => member_id === ctx.projectId)
        return { status: 200, body: { members: shown.map(memberView), schema: '/v2/schemas/members' } }
      },
    },
    {
      method: 'POST',
      path: '/v2/images/:image_id/members',
      async handle(call) {
        const { image } = await gate.image(call, 'add_member')
        const body = parseNew(await call.json())
        return { status: 200, body: memberView(await members.add(image, body.member)) }
      },
    },
    {
      method: 'GET',
      path: '/v2/images/:image_id/members/:member_id',
      async handle(call) {
        const { image, memberId } = await member(call, 'get_member')
        return { status: 200, body: memberView(await members.show(image, memberId)) }
      },
    },
    {
      method: 'PUT',
      path: '/v2/images/:image_id/members/:member_id',
      async handle(call) {
        const { image, memberId } = await member(call, 'modify_member')
        const body = parseStatus(await call.json())
        return { status: 200, body: memberView(await members.setStatus(image, memberId, body.status)) }
      },
    },
    {
      method: 'DELETE',
      path: '/v2/images/:image_id/members/:member_id',
      async handle(call) {
        const { image } = await gate.image(call, 'delete_member')
        await members.remove(image, call.params.member_id!)
        return { status: 204 }
      },
    },
  ]
}
