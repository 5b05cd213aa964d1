import { copyFile, rename, rm } from 'node:fs/promises'
import { basename } from 'node:path'
import type { DiskFile, DiskOffer, Instance } from '../../../src/contracts/index.ts'
import {
  type BaseImage,
  checkGuestDisk,
  copyDisk,
  type DiskFormat,
  growDisk,
  namedBase,
  placeOnBase,
} from '../../images/index.ts'
import { type DiskSource, openDiskSource } from '../../transfer/index.ts'
import { DriverError } from '../driver.ts'
import { defineGuest } from './define.ts'
import { CONFIG_DRIVE, EPHEMERAL, KERNEL, makeBlankDisks, makeKernel, RAMDISK, ROOT, SWAP } from './guest-disks.ts'
import { filesSetAside, type GuestFiles, guestFiles } from './guest-files.ts'
import type { Hypervisor } from './hypervisor.ts'
import { ended, startGuest } from './lifecycle.ts'
import { FLAT } from './migrate-out.ts'
import { refusedAtStart, removeGuest } from './spawn.ts'

const GIB = 1024 ** 3
const MIB = 1024 ** 2

/** The driver's `migrateIn`. */
export async function migrateIn(
  host: Hypervisor,
  instance: Instance,
  source: DiskOffer | null,
  power_on: boolean,
  signal: AbortSignal,
): Promise<void> {
  const { guests, instances_path, log, removals } = host
  const { server_id } = instance
  await removals.claim(server_id)
  const files = guestFiles(instances_path, server_id)
  let dom = await guests.find(server_id)
  try {
    if (!dom) {
      await bringDisks(host, instance, source, files, signal)
      dom = await defineGuest(host, instance, files)
    }
    signal.throwIfAborted()
    if (power_on && ended(await guests.state(dom))) await startGuest(host, dom)
  } catch (error) {
    // What is set aside on this very host stays.
    await removeGuest(host, server_id).catch((err: unknown) => {
      log.warn({ err, instance: server_id }, 'could not remove what a failed migration left')
      removals.later(server_id)
    })
    throw refusedAtStart(error)
  }
}

async function bringDisks(
  host: Hypervisor,
  instance: Instance,
  source: DiskOffer | null,
  files: GuestFiles,
  signal: AbortSignal,
): Promise<void> {
  await files.make()
  const formats = source
    ? await fetchAll(host, instance, source, files, signal)
    : await copyAll(host, filesSetAside(host.instances_path, instance.server_id), files, signal)
  const root = formats.get(ROOT)
  if (!root) throw new DriverError('The guest came without its root disk.')
  await growRoot(host, instance, { path: files.path(ROOT), format: root }, signal)
  await dropResized(host, instance, formats, files)
  await makeBlankDisks(host, instance, files, formats, signal)
  await files.recordDisks(formats)
  if (source) await makeKernel(host, instance, files, signal)
}

type Formats = Map<string, DiskFormat>

/** The host is the one that set them aside: what they stand on is here. */
async function copyAll(host: Hypervisor, aside: GuestFiles, files: GuestFiles, signal: AbortSignal): Promise<Formats> {
  if (!(await aside.there())) throw new DriverError('Nothing of the guest is set aside here.', { kind: 'not_found' })
  const formats: Formats = new Map(await aside.disks())
  for (const [name, format] of formats) {
    await checkGuestDisk({ path: aside.path(name), format, base_directory: host.images.directory })
    await copyDisk({ path: aside.path(name), format }, files.path(name), signal)
  }
  for (const name of [KERNEL, RAMDISK]) {
    if (await aside.has(name)) await copyFile(aside.path(name), files.path(name))
  }
  return formats
}

async function fetchAll(
  host: Hypervisor,
  instance: Instance,
  offer: DiskOffer,
  files: GuestFiles,
  signal: AbortSignal,
): Promise<Formats> {
  const from = await openDiskSource(offer, host.clock)
  const formats: Formats = new Map()
  for (const disk of offer.disks) {
    // A raw disk travels as qcow2, without its zeros, and stays so; a config drive is small.
    const format = disk.name === CONFIG_DRIVE ? disk.format : 'qcow2'
    if (disk.name === ROOT) await fetchRoot(host, instance, from, disk, files, signal)
    else await fetchAlone(from, disk, format === 'raw' ? disk.name : `${disk.name}${FLAT}`, files, signal)
    // Whatever the other host has sent, nothing of this one's can be reached through it.
    await checkGuestDisk({ path: files.path(disk.name), format, base_directory: host.images.directory })
    formats.set(disk.name, format)
  }
  return formats
}

/** A disk that stands on the server's image is put on this host's copy of it; else it is fetched whole. */
async function fetchRoot(
  host: Hypervisor,
  instance: Instance,
  from: DiskSource,
  disk: DiskFile,
  files: GuestFiles,
  signal: AbortSignal,
): Promise<void> {
  const path = files.path(disk.name)
  const base = disk.format === 'qcow2' ? await baseHere(host, instance, signal) : null
  if (base) {
    await fetchAlone(from, disk, disk.name, files, signal)
    if ((await namedBase(path)) === stem(base.path)) return placeOnBase(path, base, signal)
    await rm(path)
  }
  await fetchAlone(from, disk, `${disk.name}${FLAT}`, files, signal)
}

const stem = (path: string): string => basename(path).replace(/\.qcow2$/, '')

/** The server's image in this host's cache, fetched where need be; null when it cannot be had any more. */
async function baseHere({ images, log }: Hypervisor, instance: Instance, signal: AbortSignal): Promise<BaseImage | null> {
  if (!instance.image) return null
  try {
    return await images.base(instance.image, Number.POSITIVE_INFINITY, signal)
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof DriverError)) throw error
    log.info({ err: error, instance: instance.server_id }, 'the image is not to be had: the disk is fetched whole')
    return null
  }
}

/** A qcow2 file may be larger than what the guest sees by its tables, never by much. */
const mostBytes = ({ virtual_size_bytes }: DiskFile): number => virtual_size_bytes + virtual_size_bytes / 100 + 16 * MIB

async function fetchAlone(
  from: DiskSource,
  disk: DiskFile,
  name: string,
  files: GuestFiles,
  signal: AbortSignal,
): Promise<void> {
  const part = files.path(`${disk.name}.part`)
  await from.fetch(name, part, mostBytes(disk), signal)
  await rename(part, files.path(disk.name))
}

async function growRoot(
  { images }: Hypervisor,
  { flavor }: Instance,
  disk: { path: string; format: DiskFormat },
  signal: AbortSignal,
): Promise<void> {
  if (flavor.root_gb === 0) return
  const wanted = flavor.root_gb * GIB
  const { virtual_size_bytes } = await checkGuestDisk({ ...disk, base_directory: images.directory })
  if (virtual_size_bytes > wanted) {
    throw new DriverError("The flavor's disk is smaller than the guest's: a disk cannot shrink.")
  }
  if (virtual_size_bytes < wanted) await growDisk(disk, wanted, signal)
}

/** Swap of another size is made anew, and what the flavor has no more goes. */
async function dropResized(host: Hypervisor, { flavor }: Instance, formats: Formats, files: GuestFiles): Promise<void> {
  const wanted: Record<string, boolean> = {
    [SWAP]: flavor.swap_mb > 0 && (await virtualSize(host, formats, files, SWAP)) === flavor.swap_mb * MIB,
    [EPHEMERAL]: flavor.ephemeral_gb > 0,
  }
  for (const [name, kept] of Object.entries(wanted)) {
    if (kept || !formats.delete(name)) continue
    await rm(files.path(name), { force: true })
  }
}

async function virtualSize(
  { images }: Hypervisor,
  formats: Formats,
  files: GuestFiles,
  name: string,
): Promise<number | null> {
  const format = formats.get(name)
  if (!format) return null
  const facts = await checkGuestDisk({ path: files.path(name), format, base_directory: images.directory })
  return facts.virtual_size_bytes
}

