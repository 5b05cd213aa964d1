import { randomBytes } from 'node:crypto'
import type { GlobalDb } from '../platform/db/index.ts'

const KEY_BYTES = 32

/** The key that signs grants, drawn by whoever asks first: what one process has signed, every other accepts. */
export async function grantKey({ sql }: GlobalDb): Promise<Uint8Array> {
  const read = async (): Promise<Uint8Array | undefined> =>
    (await sql<{ secret: Uint8Array }[]>`select secret from image_grant_key`)[0]?.secret
  const known = await read()
  if (known) return known
  await sql`insert into image_grant_key (secret) values (${randomBytes(KEY_BYTES)}) on conflict do nothing`
  return (await read())!
}
