import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Instance, message } from '../../src/contracts/index.ts'
import { assert, isUuid } from '../../src/kernel/index.ts'

/**
 * What a guest was last made from, kept in its directory: the metadata service answers from it, without asking the
 * control plane. Readable by root alone, for user data may hold secrets.
 */
const FILE = 'instance.json'
const keptInstance = message('agent.kept-instance', 1, Instance)

/** Neither the admin password is kept, nor the permission to fetch images. */
export async function keepInstance(directory: string, instance: Instance): Promise<void> {
  const { admin_password: _, kernel: _kernel, ramdisk: _ramdisk, ...kept } = instance
  const image = kept.image && { ...kept.image, url: '', headers: {} }
  const path = join(directory, FILE)
  await writeFile(`${path}.new`, JSON.stringify({ ...kept, image }), { mode: 0o600 })
  await rename(`${path}.new`, path)
}

/** Null where no guest of this id is here, or nothing is kept of it that makes sense. */
export async function readKeptInstance(instances_path: string, serverId: string): Promise<Instance | null> {
  assert(isUuid(serverId), 'a server id is a UUID')
  const text = await readFile(join(instances_path, serverId, FILE), 'utf8').catch(() => null)
  try {
    return text === null ? null : keptInstance.parse(JSON.parse(text))
  } catch {
    return null
  }
}
