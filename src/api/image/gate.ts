import { forbidden, type RequestContext } from '../../kernel/index.ts'
import type { Image, Images } from '../../image/index.ts'
import type { Call } from '../../platform/http/index.ts'
import type { Policy, Target } from '../../platform/policy/index.ts'
import type { ImageRule } from './policy.ts'

export type Authenticate = (call: Call) => RequestContext

/** Who asks, and whether they may. */
export interface Gate {
  /** For what concerns no image yet. @throws {Problem} unauthorized, forbidden */
  caller(call: Call, rule: ImageRule): RequestContext
  /** For the image that the path names. @throws {Problem} unauthorized, not_found, forbidden */
  image(call: Call, rule: ImageRule): Promise<{ ctx: RequestContext; image: Image }>
  /** @throws {Problem} forbidden in Glance's words */
  enforce(rule: ImageRule, ctx: RequestContext, target?: Target): void
}

export function createGate(images: Images, authenticate: Authenticate, policy: Policy): Gate {
  function enforce(rule: ImageRule, ctx: RequestContext, target?: Target): void {
    if (!policy.allows(rule, ctx, target)) throw forbidden(`You are not authorized to complete ${rule} action.`)
  }
  return {
    enforce,
    caller(call, rule) {
      const ctx = authenticate(call)
      enforce(rule, ctx)
      return ctx
    },
    async image(call, rule) {
      const ctx = authenticate(call)
      const image = await images.show(ctx, call.params.image_id!)
      enforce(rule, ctx, targetOf(image))
      return { ctx, image }
    },
  }
}

/** What rules may ask about an image. */
export function targetOf(image: Image): Target {
  return { ...image.properties, project_id: image.owner, owner: image.owner, visibility: image.visibility }
}
