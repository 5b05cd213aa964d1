import type { RequestContext } from '../../kernel/index.ts'
import { type Networks, type Viewer, viewerOf } from '../../network/index.ts'
import type { Call } from '../../platform/http/index.ts'
import type { Policy } from '../../platform/policy/index.ts'

export interface Gate {
  readonly authenticate: (call: Call) => RequestContext
  readonly policy: Policy
  readonly tags: Networks['tags']
}

/** Who asks, and what of a resource he may see. */
export interface Asker {
  readonly ctx: RequestContext
  readonly viewer: Viewer
  readonly policy: Policy
}

export function askerOf({ authenticate, policy }: Gate, call: Call): Asker {
  const ctx = authenticate(call)
  return { ctx, viewer: viewerOf(ctx), policy }
}

/** A kind of resource, as far as one of it can be found. */
export interface Findable<Item> {
  /** In rule names: `security_group`. */
  readonly one: string
  /** @throws {Problem} not_found, also for one that the asker may not see. */
  show(asker: Asker, id: string): Promise<Item>
}

/** The item of the path, if the asker may see it and `verb` it. */
export async function grantedItem<Item extends { project_id: string }>(
  kind: Findable<Item>,
  asker: Asker,
  call: Call,
  verb: string,
): Promise<Item> {
  const item = await kind.show(asker, call.params.id ?? '')
  asker.policy.enforce(`${verb}_${kind.one}`, asker.ctx, { project_id: item.project_id })
  return item
}
