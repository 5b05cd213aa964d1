import type postgres from 'postgres'
import type { ColumnTypes, Fragment, Scope, Sql } from './database.ts'

/** The first half of the key of every lock that stands for somebody who lives; the second half is a hash of the name. */
const PRESENCE = 1_112_887_919
/** A connection that was lost is made again, and the lock with it, after this at most. */
const BEAT_MS = 1_000
const END_DEADLINE_S = 1

/** While it lasts, others who share the database see that its name lives; a process that is killed takes it along. */
export interface Presence {
  /** Resolves when it has been tried to be seen. */
  readonly ready: Promise<void>
  end(): Promise<void>
}

/**
 * Holds a lock of the session for `name`. A lock goes with its session, at once when the process ends and after the
 * system's time-outs when a machine vanishes.
 * @param pool of a single connection, which is ended with the presence
 */
export function announce(pool: postgres.Sql<ColumnTypes>, name: string): Presence {
  let beating = false

  async function beat(): Promise<void> {
    if (beating) return
    beating = true
    try {
      await pool`
        select pg_try_advisory_lock(${PRESENCE}, hashtext(${name}))
        where not exists (select from pg_locks where locktype = 'advisory' and pid = pg_backend_pid())`
    } catch {
      // The database is away: nobody can look for us meanwhile.
    } finally {
      beating = false
    }
  }

  const ready = beat()
  const timer = setInterval(beat, BEAT_MS)
  return {
    ready,
    async end() {
      clearInterval(timer)
      await pool.end({ timeout: END_DEADLINE_S })
    },
  }
}

/** Whether somebody of this name lives, as a condition. Two names may have one hash: then it errs on the side of life. */
export function isPresent(sql: Sql<Scope>, name: Fragment): Fragment {
  return sql`exists (
    select from pg_locks
    where locktype = 'advisory' and granted and classid = ${PRESENCE} and objsubid = 2
      and objid::bigint = hashtext(${name})::bigint & 4294967295
      and database = (select oid from pg_database where datname = current_database())
  )`
}
