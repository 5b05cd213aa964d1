import type { Clock } from '../kernel/index.ts'
import type { GlobalSql } from '../platform/db/index.ts'
import type { Logger } from '../platform/log/index.ts'
import type { ImageFiles } from './files.ts'
import { imagesWithFile, moveStatus } from './images.store.ts'

const RETRY_MS = 10_000

export interface Sweep {
  /** Removes files that belong to no complete image, and lets their images be uploaded again. */
  now(): Promise<void>
  /** The same in a while, and again until it succeeds. */
  soon(): void
  stop(): Promise<void>
}

/** Puts right what uploads left behind that ended with their process or without a database. */
export function createSweep(ports: {
  sql: GlobalSql
  files: ImageFiles
  busy: Set<string>
  clock: Clock
  log: Logger
}): Sweep {
  const { sql, files, busy, clock, log } = ports
  const stopped = new AbortController()
  let retrying: Promise<void> | undefined

  async function now(): Promise<void> {
    const ids = (await files.ids()).filter((id) => !busy.has(id))
    if (ids.length === 0) return
    const keep = await imagesWithFile(sql, ids)
    for (const id of ids) {
      if (keep.has(id) || busy.has(id)) continue
      busy.add(id)
      try {
        await moveStatus(sql, id, 'saving', 'queued')
        await files.remove(id)
        log.info({ image_id: id }, 'Removed the file of an upload that did not finish')
      } finally {
        busy.delete(id)
      }
    }
  }

  async function retry(): Promise<void> {
    while (!stopped.signal.aborted) {
      await clock.sleep(RETRY_MS, stopped.signal)
      if (stopped.signal.aborted) return
      try {
        return await now()
      } catch (error) {
        log.warn({ err: error }, 'Unfinished uploads could not be put right yet')
      }
    }
  }

  return {
    now,
    soon() {
      retrying ??= retry().finally(() => (retrying = undefined))
    },
    async stop() {
      stopped.abort()
      await retrying
    },
  }
}
