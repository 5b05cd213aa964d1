import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isUuid } from '../../src/kernel/index.ts'
import type { Logger } from '../../src/platform/log/index.ts'
import { inspectFile } from './inspect.ts'

export interface AgeingInput {
  readonly instances_path: string
  /** Younger files stay; a build may be about to use them. Seconds since they were last asked for. */
  readonly minimum_age_s: number
  readonly now_ms: number
  readonly log: Logger
}

/**
 * Removes from `_base` what no guest's disk stands on and no build has asked for in a while. The directory may be shared:
 * the disks of all hosts' guests are looked at. When one cannot be read, nothing is removed.
 */
export async function removeUnusedBases({ instances_path, minimum_age_s, now_ms, log }: AgeingInput): Promise<void> {
  const directory = join(instances_path, '_base')
  const used = await basesInUse(instances_path)
  for (const name of await readdir(directory)) {
    const path = join(directory, name)
    const file = await stat(path).catch(() => null)
    if (!file?.isFile() || used.has(path) || now_ms - file.mtimeMs < minimum_age_s * 1000) continue
    log.info({ file: name }, 'removing an image that no guest uses')
    await rm(path, { force: true })
  }
}

/** What the disks of all guests name as their backing file. */
async function basesInUse(instances_path: string): Promise<Set<string>> {
  const used = new Set<string>()
  for (const name of await readdir(instances_path)) {
    if (!isUuid(name.slice(0, 36))) continue
    const directory = join(instances_path, name)
    for (const file of await readdir(directory).catch(ignoreMissing)) {
      if (!file.startsWith('disk') || file === 'disk.info') continue
      const facts = await inspectFile(join(directory, file)).catch(ignoreMissing)
      if (facts && 'backing_file' in facts && facts.backing_file !== null) used.add(facts.backing_file)
    }
  }
  return used
}

/** It went while it was looked at. */
function ignoreMissing(error: unknown): never[] {
  if (!['ENOENT', 'ENOTDIR'].includes((error as { code?: string }).code ?? '')) throw error
  return []
}
