import { Type as T } from '@sinclair/typebox'
import type { GlobalTx } from '../../platform/db/index.ts'
import { none, step, type TaskKind } from '../task.ts'
import type { TaskPorts } from './ports.ts'

export const CACHE_IMAGE = 'image.cache'
const CacheInput = T.Object({ host: T.String() })

/** Covers the download of a large image over a slow link. */
const FETCH_DEADLINE_S = 900
const PRESENCE_DEADLINE_S = 5
export const CACHE_DEADLINE_S = 3600

/**
 * Has one host fetch the image that is its subject. Tasks of a subject take turns, so that one image goes to one host
 * after the other, as Nova's `precache_concurrency` of 1 has it: builds need the image service meanwhile.
 */
export function cacheImage(ports: TaskPorts): TaskKind<GlobalTx, typeof CacheInput> {
  return {
    kind: CACHE_IMAGE,
    input: CacheInput,
    deadline_s: CACHE_DEADLINE_S,
    attempts: 1,
    steps: [
      step('fetch', {
        async do({ subject, input: { host } }) {
          // One that is away would hold up those behind it for as long as a download may take.
          await ports.hosts.query(host, { query: 'uptime' }, PRESENCE_DEADLINE_S)
          const image = await ports.images.imageSource(subject)
          await ports.hosts.query(host, { query: 'cache_image', image }, FETCH_DEADLINE_S)
        },
        undo: none('an image that no guest needs ages out of the cache'),
        deadline_s: FETCH_DEADLINE_S,
        // The first build there fetches it anyway.
        patience_s: 0,
      }),
    ],
    // Nobody waits for it, and nothing depends on it.
    async failed(_tx, { log, subject, input }, failure) {
      log.warn({ image: subject, host: input.host, reason: failure.message }, 'an image was not fetched ahead')
    },
  }
}
