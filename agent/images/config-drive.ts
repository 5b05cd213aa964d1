import { mkdir, mkdtemp, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { DriverError } from '../drivers/driver.ts'
import { CommandError, runLimited } from './limited-command.ts'

export const CONFIG_DRIVE_FORMATS = ['iso9660', 'vfat'] as const
export type ConfigDriveFormat = (typeof CONFIG_DRIVE_FORMATS)[number]

export interface ConfigDriveOptions {
  readonly format: ConfigDriveFormat
  /** `[DEFAULT] mkisofs_cmd`: genisoimage, mkisofs, or xorriso in their guise. */
  readonly mkisofs_cmd: string
  readonly publisher: string
}

/** By this label guests find the drive. */
const LABEL = 'config-2'
const VFAT_BYTES = 64 * 1024 ** 2

/**
 * Writes a config drive: a read-only disk with the guest's documents.
 * @param files by path in the drive; the paths are the driver's own.
 * @throws {DriverError} when the program that makes it is missing or fails.
 */
export async function writeConfigDrive(
  path: string,
  files: ReadonlyMap<string, Uint8Array>,
  options: ConfigDriveOptions,
  signal: AbortSignal,
): Promise<void> {
  const staging = await mkdtemp(`${path}.`)
  const made = `${staging}.img`
  try {
    const tree = join(staging, 'tree')
    for (const [name, bytes] of files) {
      await mkdir(dirname(join(tree, name)), { recursive: true })
      await writeFile(join(tree, name), bytes, { mode: 0o644 })
    }
    await (options.format === 'vfat' ? makeVfat(made, tree, signal) : makeIso(made, tree, options, signal))
    await rename(made, path)
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    throw new DriverError('The config drive could not be made.', { kind: 'unavailable', cause: error })
  } finally {
    await rm(staging, { recursive: true, force: true })
    await rm(made, { force: true })
  }
}

function makeIso(path: string, tree: string, options: ConfigDriveOptions, signal: AbortSignal): Promise<string> {
  const { mkisofs_cmd, publisher } = options
  const guise = /(^|\/)xorriso$/.test(mkisofs_cmd) ? ['-as', 'mkisofs'] : []
  const names = ['-J', '-r', '-l', '-ldots', '-allow-lowercase', '-allow-multidot']
  // xorriso takes longer names by itself and does not know these switches.
  const switches = guise.length > 0 ? ['-J', '-r'] : names
  return runLimited(
    [mkisofs_cmd, ...guise, '-quiet', '-V', LABEL, '-publisher', publisher, ...switches, '-o', path, tree],
    signal,
  )
}

async function makeVfat(path: string, tree: string, signal: AbortSignal): Promise<void> {
  await writeFile(path, '', { mode: 0o644 })
  await truncate(path, VFAT_BYTES)
  await runLimited(['mkfs.vfat', '-n', LABEL, path], signal)
  await runLimited(['mcopy', '-s', '-i', path, `${tree}/ec2`, `${tree}/openstack`, '::/'], signal)
}
