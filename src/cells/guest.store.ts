import type { CellDb } from '../platform/db/index.ts'
import type { Server } from './server.ts'

/** A live server, if it is on this host: a host is told of its own only. */
export async function serverOn(db: CellDb, host: string, id: string): Promise<Server | null> {
  const [row] = await db.sql<Server[]>`
    select * from servers where id = ${id} and num_nulls(deleted_at) = 1 and host = ${host}`
  return row ?? null
}

/** Keeps the password that a guest has made for its owner, encrypted by it; the first one counts. */
export async function setGuestPassword(db: CellDb, host: string, id: string, password: string): Promise<void> {
  await db.sql`
    update servers
    set system_metadata = coalesce(system_metadata, '{}') || jsonb_build_object('guest_password', ${password}::text)
    where id = ${id} and num_nulls(deleted_at) = 1 and host = ${host}
      and coalesce(system_metadata->>'guest_password', '') = ''`
}
