import { constants } from 'node:fs'
import { exists, mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { Type as T } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { assert, isUuid } from '../../../src/kernel/index.ts'
import type { DiskFormat } from '../../images/index.ts'
import { DriverError } from '../driver.ts'

const MAX_CONSOLE_BYTES = 1024 ** 2
/** Where virtlogd puts what no longer fits, newest first. */
const CONSOLE_BACKUPS = ['', '.0', '.1', '.2']

/** A guest's directory, `instances/<uuid>`, and what Nova calls the files in it. */
export interface GuestFiles {
  readonly directory: string
  readonly console_log: string
  /** The path of a file in it; the name is the driver's own. */
  path(name: string): string
  has(name: string): Promise<boolean>
  /** Whether the directory is there. */
  there(): Promise<boolean>
  /** Makes the directory, empty; what an unfinished build left is replaced. */
  make(): Promise<void>
  /** Removes the disks and what goes with them, as far as it is to be made anew; ephemeral and swap disks may stay. */
  clear(options: { keep_blanks: boolean }): Promise<void>
  /** Notes the formats of the disks, by name: `disk.info`. What a guest writes into a disk never decides its format. */
  recordDisks(formats: ReadonlyMap<string, DiskFormat>): Promise<void>
  /** What `recordDisks` noted. @throws {DriverError} when nothing is noted that makes sense. */
  disks(): Promise<ReadonlyMap<string, DiskFormat>>
  keepXml(xml: string): Promise<void>
  /** The last `lines` of the console log, or all that is kept of it; at most 1 MiB. */
  console(lines: number | null): Promise<string>
  remove(): Promise<void>
}

const DISK_INFO = 'disk.info'
const MADE_ANEW = /^(disk|kernel|ramdisk|unrescue\.xml)(\..*)?$/
const BLANKS = /^disk\.(eph\d+|swap)$/
const DiskInfo = T.Record(T.String(), T.Union([T.Literal('raw'), T.Literal('qcow2')]))

export function guestFiles(instances_path: string, serverId: string): GuestFiles {
  // The only part of the path that comes from outside.
  assert(isUuid(serverId), 'a server id is a UUID')
  return filesIn(join(instances_path, serverId))
}

/** The files that a migration has set aside, until it is confirmed or reverted. */
export function filesSetAside(instances_path: string, serverId: string): GuestFiles {
  assert(isUuid(serverId), 'a server id is a UUID')
  return filesIn(join(instances_path, `${serverId}${SET_ASIDE}`))
}

function filesIn(directory: string): GuestFiles {
  const console_log = join(directory, 'console.log')
  const path = (name: string): string => join(directory, name)

  async function remove(): Promise<void> {
    // Under its other name nothing takes it for a guest's, should this be interrupted.
    const going = `${directory}${REMOVED}`
    await rm(going, { recursive: true, force: true })
    await rename(directory, going).catch(ignoreMissing)
    await rm(going, { recursive: true, force: true })
  }

  return {
    directory,
    console_log,
    path,
    remove,
    has: (name) => exists(path(name)),
    there: () => exists(directory),

    async make() {
      await remove()
      await mkdir(directory, { mode: 0o755 })
    },

    async clear({ keep_blanks }) {
      await mkdir(directory, { recursive: true, mode: 0o755 })
      for (const name of await readdir(directory)) {
        const kept = keep_blanks && (BLANKS.test(name) || name === DISK_INFO)
        if (MADE_ANEW.test(name) && !kept) await rm(path(name), { force: true })
      }
    },

    async recordDisks(formats) {
      const info = Object.fromEntries([...formats].map(([name, format]) => [path(name), format]))
      await writeWhole(path(DISK_INFO), JSON.stringify(info))
    },

    async disks() {
      const info: unknown = await Bun.file(path(DISK_INFO)).json().catch(() => null)
      if (!Value.Check(DiskInfo, info)) throw new DriverError("The records of the guest's disks are missing.")
      return new Map(Object.entries(info).map(([file, format]) => [basename(file), format]))
    },

    async keepXml(xml) {
      await writeWhole(path('libvirt.xml'), xml)
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

/** In one step: after a crash there is the old file or the new one. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const fresh = `${path}.new`
  await Bun.write(fresh, text)
  await rename(fresh, path)
}

const SET_ASIDE = '_resize'
const REMOVED = '_del'

/** Removes the directories of guests whose removal was interrupted. */
export async function removeInterrupted(instances_path: string): Promise<void> {
  for (const name of await readdir(instances_path)) {
    const whose = name.slice(0, -REMOVED.length).replace(SET_ASIDE, '')
    if (!name.endsWith(REMOVED) || !isUuid(whose)) continue
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
