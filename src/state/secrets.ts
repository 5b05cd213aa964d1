import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { type Static, Type as T } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { newId } from '../kernel/index.ts'
import { writePrivateFile } from './files.ts'

const Secrets = T.Object({
  admin_password: T.String({ minLength: 1 }),
  demo_password: T.String({ minLength: 1 }),
  /** Signs the permission of a host to fetch one image, base64. */
  image_grant_key: T.String({ minLength: 1 }),
  /** By which this deployment's conductor knows its own tasks again after a restart. */
  conductor_id: T.String({ minLength: 1 }),
})
export type Secrets = Static<typeof Secrets>

/** Reads what the first start has drawn, or draws it now. */
export function loadSecrets(file: string): Secrets {
  if (existsSync(file)) {
    const stored: unknown = JSON.parse(readFileSync(file, 'utf8'))
    if (Value.Check(Secrets, stored)) return stored
    throw new Error(`${file} is damaged: restore it from a backup, or start on an empty state path`)
  }
  const secrets: Secrets = {
    admin_password: randomBytes(15).toString('base64url'),
    demo_password: randomBytes(15).toString('base64url'),
    image_grant_key: randomBytes(32).toString('base64'),
    conductor_id: newId(),
  }
  writePrivateFile(file, `${JSON.stringify(secrets, null, 2)}\n`)
  return secrets
}
