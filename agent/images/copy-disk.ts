import { constants, copyFile } from 'node:fs/promises'
import { convertDisk, type DiskFile } from './qemu-img.ts'

/**
 * A second file like the first. Where the file system can do that, both share the blocks until one of the two writes;
 * else a raw disk keeps its holes.
 */
export async function copyDisk(source: DiskFile, target: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  const cloned = await copyFile(source.path, target, constants.COPYFILE_FICLONE_FORCE).then(() => true, () => false)
  if (cloned) return
  if (source.format === 'raw') await convertDisk(source, { path: target, format: 'raw' }, signal)
  // What stands on another file would be copied with that.
  else await copyFile(source.path, target)
}
