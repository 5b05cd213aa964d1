import { constants } from 'node:fs'
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { assert, isUuid } from '../../../src/kernel/index.ts'
import { type BaseImage, createOverlay } from '../../images/index.ts'

const MAX_CONSOLE_BYTES = 1024 ** 2
/** Where virtlogd puts what no longer fits, newest first. */
const CONSOLE_BACKUPS = ['', '.0', '.1', '.2']

/** A guest's directory, `instances/<uuid>`, and what Nova calls the files in it. */
export interface GuestFiles {
  readonly disk: string
  readonly console_log: string
  /** Makes the directory with an empty disk of `size_bytes` over `base`; what an unfinished build left is replaced. */
  create(base: BaseImage, size_bytes: number): Promise<void>
  keepXml(xml: string): Promise<void>
  /** The last `lines` of the console log, or all that is kept of it; at most 1 MiB. */
  console(lines: number | null): Promise<string>
  remove(): Promise<void>
}

export function guestFiles(instances_path: string, serverId: string): GuestFiles {
  // The only part of the path that comes from outside.
  assert(isUuid(serverId), 'a server id is a UUID')
  const directory = join(instances_path, serverId)
  const disk = join(directory, 'disk')
  const console_log = join(directory, 'console.log')

  async function remove(): Promise<void> {
    // Under its other name nothing takes it for a guest's, should this be interrupted.
    const going = `${directory}${REMOVED}`
    await rm(going, { recursive: true, force: true })
    await rename(directory, going).catch(ignoreMissing)
    await rm(going, { recursive: true, force: true })
  }

  return {
    disk,
    console_log,
    remove,

    async create(base, size_bytes) {
      await remove()
      await mkdir(directory, { mode: 0o755 })
      await createOverlay(disk, { path: base.path, format: 'raw' }, size_bytes)
      await Bun.write(join(directory, 'disk.info'), JSON.stringify({ [disk]: 'qcow2' }))
    },

    async keepXml(xml) {
      await Bun.write(join(directory, 'libvirt.xml'), xml)
    },

    async console(lines) {
      const parts: Uint8Array[] = []
      let room = MAX_CONSOLE_BYTES
      for (const backup of CONSOLE_BACKUPS) {
        const part = await tail(`${console_log}${backup}`, room)
        parts.unshift(part)
        room -= part.length
      }
      const log = new TextDecoder().decode(Buffer.concat(parts))
      return lines === null ? log : lastLines(log, lines)
    },
  }
}

const REMOVED = '_del'

/** Removes the directories of guests whose removal was interrupted. */
export async function removeInterrupted(instances_path: string): Promise<void> {
  for (const name of await readdir(instances_path)) {
    if (!name.endsWith(REMOVED) || !isUuid(name.slice(0, -REMOVED.length))) continue
    await rm(join(instances_path, name), { recursive: true, force: true })
  }
}

/**
 * `none` reads and writes past the host's page cache, which keeps each block in memory once; where the file system
 * cannot do that (tmpfs on older kernels), `writeback`.
 */
export async function diskCacheMode(instances_path: string): Promise<'none' | 'writeback'> {
  const probe = join(instances_path, `.direct-io-${crypto.randomUUID()}`)
  const { O_CREAT, O_DIRECT, O_EXCL, O_WRONLY } = constants
  try {
    await (await open(probe, O_CREAT | O_EXCL | O_WRONLY | O_DIRECT, 0o600)).close()
    return 'none'
  } catch (error) {
    if ((error as { code?: string }).code !== 'EINVAL') throw error
    return 'writeback'
  } finally {
    await rm(probe, { force: true })
  }
}

/** The last bytes of a file, as far as there is room; none of one that is not there. */
async function tail(path: string, room: number): Promise<Uint8Array> {
  const file = await open(path, 'r').catch(ignoreMissing)
  if (!file) return new Uint8Array()
  try {
    const { size } = await file.stat()
    const length = Math.min(size, room)
    const { buffer, bytesRead } = await file.read(new Uint8Array(length), 0, length, size - length)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}

/** The line break at the end of the log begins no further line. */
export function lastLines(log: string, lines: number): string {
  if (lines === 0) return ''
  const all = log.split('\n')
  return all.slice(all.at(-1) === '' ? -lines - 1 : -lines).join('\n')
}

function ignoreMissing(error: unknown): undefined {
  if ((error as { code?: string }).code !== 'ENOENT') throw error
}
