import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { type Static, Type as T } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { newId } from '../kernel/index.ts'
import { createPrivateFile } from './files.ts'

const Secrets = T.Object({
  admin_password: T.String({ minLength: 1 }),
  demo_password: T.String({ minLength: 1 }),
  /**
   * Of this state path, to be in no other. A conductor knows its own tasks again by it after a restart, and an api
   * whether the passwords above are the cloud's.
   */
  node_id: T.String({ minLength: 1 }),
})
export type Secrets = Static<typeof Secrets>

/** Reads what the first start has drawn, or draws it now. */
export function loadSecrets(file: string): Secrets {
  if (!existsSync(file)) createPrivateFile(file, `${JSON.stringify(draw(), null, 2)}\n`)
  const stored = parse(readFileSync(file, 'utf8'))
  if (Value.Check(Secrets, stored)) return stored
  throw new Error(`${file} is damaged: restore it from a backup, or start on an empty state path`)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function draw(): Secrets {
  return {
    admin_password: randomBytes(15).toString('base64url'),
    demo_password: randomBytes(15).toString('base64url'),
    node_id: newId(),
  }
}
