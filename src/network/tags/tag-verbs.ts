import type { GlobalDb } from '../../platform/db/index.ts'
import { failure } from '../failures.ts'
import { addTag, removeTag, replaceTags, type Tagged } from './tags.store.ts'

/** Words that a project hangs on its resources. That the resource is there, and theirs, the caller has made sure of. */
export interface TagVerbs {
  replace(of: Tagged, id: string, tags: readonly string[]): Promise<void>
  add(of: Tagged, id: string, tag: string): Promise<void>
  /** @throws {Problem} not_found for a tag that it does not have. */
  remove(of: Tagged, id: string, tag: string): Promise<void>
}

export function tagVerbs({ sql }: GlobalDb): TagVerbs {
  return {
    replace: (of, id, tags) => replaceTags(sql, of, id, [...new Set(tags)]),
    add: (of, id, tag) => addTag(sql, of, id, tag),
    async remove(of, id, tag) {
      if (await removeTag(sql, of, id, tag)) return
      throw failure('not_found', 'TagNotFound', `Tag ${tag} could not be found.`)
    },
  }
}
