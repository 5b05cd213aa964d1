import { copyFile, constants } from 'node:fs/promises'
import manifest from '../../../package.json' with { type: 'json' }
import type { ImageSource, Instance } from '../../../src/contracts/index.ts'
import {
  type BaseImage,
  blankDisk,
  type ConfigDriveFormat,
  convertDisk,
  copyDisk,
  createOverlay,
  type DiskFormat,
  growDisk,
  writeConfigDrive,
} from '../../images/index.ts'
import { configDriveFiles } from '../../metadata/documents.ts'
import { DriverError } from '../driver.ts'
import type { DomainDisk } from './domain-devices.ts'
import type { DomainParts } from './domain-xml.ts'
import type { GuestFiles } from './guest-files.ts'
import type { Hypervisor } from './hypervisor.ts'

const PUBLISHER = `OpenStack Nova ${manifest.version}`
const MIB = 1024 ** 2
const GIB = 1024 ** 3

/** Nova's names. Those beside the root disk are there when the flavor or the request asks for them. */
export const ROOT = 'disk'
export const EPHEMERAL = 'disk.eph0'
export const SWAP = 'disk.swap'
export const CONFIG_DRIVE = 'disk.config'

export type MakesDisks = Pick<Hypervisor, 'images' | 'options'>

/** What the flavor lets the root disk hold, bytes; one of 0 GB is as large as its image. */
export const rootLimit = ({ flavor }: Instance): number =>
  flavor.root_gb > 0 ? flavor.root_gb * GIB : Number.POSITIVE_INFINITY

/** The image as a base in the cache. @throws {DriverError} as the cache does; `bad_image` without an image. */
export function rootBase({ images }: MakesDisks, instance: Instance, signal: AbortSignal): Promise<BaseImage> {
  if (!instance.image) throw new DriverError('A server without an image has no disk to boot from.', { kind: 'bad_image' })
  return images.base(instance.image, rootLimit(instance), signal)
}

/**
 * Makes what the guest finds when it starts: its disks, the config drive, a kernel of its own. Ephemeral and swap disks
 * that are there stay with `keep`.
 * @throws {DriverError}
 */
export async function makeDisks(
  host: MakesDisks,
  instance: Instance,
  base: BaseImage,
  files: GuestFiles,
  signal: AbortSignal,
  { keep = false } = {},
): Promise<void> {
  const formats = new Map<string, DiskFormat>()
  const root_bytes = instance.flavor.root_gb > 0 ? instance.flavor.root_gb * GIB : base.virtual_size_bytes
  formats.set(ROOT, await diskFrom(host, base, files.path(ROOT), root_bytes, signal))
  if (keep) {
    for (const [name, format] of await files.disks().catch(() => [])) {
      if ((name === EPHEMERAL || name === SWAP) && (await files.has(name))) formats.set(name, format)
    }
  }
  await makeBlankDisks(host, instance, files, formats, signal)
  if (hasConfigDrive(host, instance)) {
    await makeConfigDrive(host, instance, files.path(CONFIG_DRIVE), signal)
    formats.set(CONFIG_DRIVE, 'raw')
  }
  await files.recordDisks(formats)
  await makeKernel(host, instance, files, signal)
}

/** Makes the ephemeral and swap disks of the flavor that are not among `formats` yet, and adds them there. */
export async function makeBlankDisks(
  host: MakesDisks,
  instance: Instance,
  files: GuestFiles,
  formats: Map<string, DiskFormat>,
  signal: AbortSignal,
): Promise<void> {
  for (const [name, blank] of blanks(host, instance)) {
    if (formats.has(name)) continue
    const base = await blankDisk(host.images.directory, blank, signal)
    formats.set(name, await diskFrom(host, base, files.path(name), base.virtual_size_bytes, signal))
  }
}

function blanks({ options }: MakesDisks, { flavor }: Instance): [name: string, blank: Parameters<typeof blankDisk>[1]][] {
  const { ephemeral_gb, swap_mb } = flavor
  const format = options.default_ephemeral_format
  return [
    ...(ephemeral_gb > 0 ? [[EPHEMERAL, { kind: 'ephemeral', size_bytes: ephemeral_gb * GIB, format }] as const] : []),
    ...(swap_mb > 0 ? [[SWAP, { kind: 'swap', size_bytes: swap_mb * MIB }] as const] : []),
  ].map(([name, blank]) => [name, blank])
}

export const hasConfigDrive = ({ options }: MakesDisks, { config_drive, image }: Instance): boolean =>
  config_drive || options.force_config_drive || image?.properties.img_config_drive === 'mandatory'

export async function makeConfigDrive(
  { options }: MakesDisks,
  instance: Instance,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const { dhcp_domain, vendor_data } = options.metadata
  const files = configDriveFiles(instance, { dhcp_domain, vendor_data })
  await writeConfigDrive(path, files, { ...options.config_drive, publisher: PUBLISHER }, signal)
}

/** A disk that begins with what is in `base`: on top of it, or a copy where disks are to be raw. @returns its format. */
export async function diskFrom(
  { options }: MakesDisks,
  base: BaseImage,
  path: string,
  size_bytes: number,
  signal: AbortSignal,
): Promise<DiskFormat> {
  signal.throwIfAborted()
  if (options.images_type === 'qcow2') {
    await createOverlay(path, base, size_bytes)
    return 'qcow2'
  }
  if (base.format === 'raw') await copyDisk(base, path, signal)
  else await convertDisk(base, { path, format: 'raw' }, signal)
  if (size_bytes > base.virtual_size_bytes) await growDisk({ path, format: 'raw' }, size_bytes, signal)
  return 'raw'
}

export const KERNEL = 'kernel'
export const RAMDISK = 'ramdisk'

export async function makeKernel(
  { images }: MakesDisks,
  { kernel, ramdisk }: Instance,
  files: GuestFiles,
  signal: AbortSignal,
): Promise<void> {
  const parts: [string, ImageSource | undefined][] = [[KERNEL, kernel], [RAMDISK, kernel && ramdisk]]
  for (const [name, image] of parts) {
    if (!image) continue
    const base = await images.base(image, MAX_KERNEL_BYTES, signal)
    await copyFile(base.path, files.path(name), constants.COPYFILE_FICLONE)
  }
}

const MAX_KERNEL_BYTES = GIB
/** Nova's; all of a guest's consoles, whichever it has. */
const COMMAND_LINE = 'root=/dev/vda console=tty0 console=ttyS0 console=hvc0'

/** The guest's disks and kernel as the domain names them. */
export async function domainParts(
  { options }: MakesDisks,
  instance: Instance,
  files: GuestFiles,
): Promise<Omit<DomainParts, 'nics'>> {
  const own_kernel = await files.has(KERNEL)
  return {
    disks: attached(await files.disks(), files, options.config_drive.format),
    console_log: files.console_log,
    kernel: own_kernel
      ? {
          kernel: files.path(KERNEL),
          ramdisk: (await files.has(RAMDISK)) ? files.path(RAMDISK) : null,
          command_line: instance.image?.properties.os_command_line || COMMAND_LINE,
        }
      : undefined,
  }
}

/** `vda`, `vdb` and so on; a config drive of ISO 9660 is a CD, one of vfat the last disk. */
function attached(formats: ReadonlyMap<string, DiskFormat>, files: GuestFiles, drive: ConfigDriveFormat): DomainDisk[] {
  const names = [ROOT, EPHEMERAL, SWAP, ...(drive === 'vfat' ? [CONFIG_DRIVE] : [])].filter((name) => formats.has(name))
  const disks = names.map((name, index): DomainDisk => ({
    path: files.path(name),
    format: formats.get(name)!,
    device: 'disk',
    target: `vd${'abcd'[index]}`,
  }))
  if (drive === 'vfat' || !formats.has(CONFIG_DRIVE)) return disks
  return [...disks, { path: files.path(CONFIG_DRIVE), format: 'raw', device: 'cdrom', target: 'hda' }]
}
