import { randomUUID } from 'node:crypto'
import { rename, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runLimited } from './limited-command.ts'
import type { BaseImage } from './cache.ts'

export const EPHEMERAL_FORMATS = ['ext4', 'ext3', 'vfat', 'none'] as const
export type EphemeralFormat = (typeof EPHEMERAL_FORMATS)[number]

export type BlankDisk =
  | { readonly kind: 'ephemeral'; readonly size_bytes: number; readonly format: EphemeralFormat }
  | { readonly kind: 'swap'; readonly size_bytes: number }

const LABEL = 'ephemeral0'

const MAKERS: Record<Exclude<EphemeralFormat, 'none'> | 'swap', (path: string) => string[]> = {
  ext4: (path) => ['mkfs.ext4', '-q', '-F', '-L', LABEL, path],
  ext3: (path) => ['mkfs.ext3', '-q', '-F', '-L', LABEL, path],
  vfat: (path) => ['mkfs.vfat', '-n', LABEL, path],
  swap: (path) => ['mkswap', path],
}

/**
 * A disk that all guests with the same flavor begin with, made at the first use and kept in `_base` under Nova's name:
 * `ephemeral_20_ext4`, `swap_512`. Without a file system it is a hole of that size.
 * @throws {CommandError} when the file system cannot be made.
 */
export async function blankDisk(directory: string, disk: BlankDisk, signal: AbortSignal): Promise<BaseImage> {
  const path = join(directory, nameOf(disk))
  const base: BaseImage = { path, format: 'raw', virtual_size_bytes: disk.size_bytes }
  const there = await stat(path).catch(() => null)
  if (there) {
    await utimes(path, new Date(), new Date())
    return base
  }
  const part = `${path}.${randomUUID()}.part`
  try {
    await writeFile(part, '', { mode: 0o644 })
    await truncate(part, disk.size_bytes)
    const content = disk.kind === 'swap' ? 'swap' : disk.format
    if (content !== 'none') await runLimited(MAKERS[content](part), signal)
    await rename(part, path)
  } finally {
    await rm(part, { force: true })
  }
  return base
}

const GIB = 1024 ** 3
const MIB = 1024 ** 2

function nameOf(disk: BlankDisk): string {
  return disk.kind === 'swap' ? `swap_${disk.size_bytes / MIB}` : `ephemeral_${disk.size_bytes / GIB}_${disk.format}`
}
