import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isUuid, newId } from '../src/kernel/index.ts'

/**
 * The id under which this node is known, kept in the file `compute_id` as Nova does; made at the first start.
 * @throws when the file holds something else: a host that came up under a new id would lose its guests.
 */
export function readNodeId(directory: string): string {
  const file = join(directory, 'compute_id')
  if (!existsSync(file)) {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    writeFileSync(`${file}.new`, `${newId()}\n`)
    renameSync(`${file}.new`, file)
  }
  const id = readFileSync(file, 'utf8').trim()
  if (!isUuid(id)) throw new Error(`${file} does not hold a UUID; restore it, or remove it to register a new node`)
  return id
}
