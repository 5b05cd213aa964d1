import type { RequestContext } from '../../kernel/index.ts'
import type { UndoView } from './changes.ts'
import { changes } from './history.ts'
import type { Links } from './links.ts'
import type { Version } from './version.ts'

/** What a view may depend on beside its source. */
export interface Rendering {
  readonly ctx: RequestContext
  readonly links: Links
  /** True where the caller may see what `rule` guards of the subject. */
  can(rule: string, target?: Readonly<Record<string, unknown>>): boolean
}

/** How an object looks in an answer. */
export interface View<S> {
  readonly name: string
  render(source: S, rendering: Rendering, v: Version): Record<string, unknown>
}

/** Declares a view by its newest form. The steps down to an older version are looked up once for each version. */
export function defineView<S>(
  name: string,
  newest: (source: S, rendering: Rendering) => Record<string, unknown>,
): View<S> {
  const undosOf = new Map<Version, readonly UndoView[]>()
  return {
    name,
    render(source, rendering, v) {
      let undos = undosOf.get(v)
      if (!undos) {
        undos = changes.viewUndos(name, v)
        undosOf.set(v, undos)
      }
      const answer = newest(source, rendering)
      for (const undo of undos) undo(answer, source as never, rendering.links)
      return answer
    },
  }
}
