import { readFile, rm } from 'node:fs/promises'
import type { ImageSource, Instance } from '../../../src/contracts/index.ts'
import { type Domain, XML_INACTIVE, XML_SECURE } from '../../libvirt/index.ts'
import { defineParts, defineXml } from './define.ts'
import type { DomainDisk } from './domain-devices.ts'
import { CONFIG_DRIVE, diskFrom, hasConfigDrive, makeConfigDrive, ROOT, rootBase } from './guest-disks.ts'
import { type GuestFiles, guestFiles, writeWhole } from './guest-files.ts'
import type { Hypervisor } from './hypervisor.ts'
import { endGuest, ended, startGuest } from './lifecycle.ts'
import { powerOn } from './power.ts'
import { refusedAtStart } from './spawn.ts'
import { forgetSaved } from './suspend.ts'

/** The definition from before; as long as it is there the guest is in rescue. */
const KEPT_XML = 'unrescue.xml'
const RESCUE_ROOT = `${ROOT}.rescue`
const RESCUE_CONFIG_DRIVE = `${CONFIG_DRIVE}.rescue`
const GIB = 1024 ** 3

/** The driver's `rescue`. */
export async function rescueGuest(
  host: Hypervisor,
  instance: Instance,
  image: ImageSource,
  signal: AbortSignal,
): Promise<void> {
  const { guests, libvirt, instances_path } = host
  const dom = await guests.get(instance.server_id)
  const files = guestFiles(instances_path, instance.server_id)
  const began = await files.has(KEPT_XML)
  if (began && !ended(await guests.state(dom))) return
  const base = await rootBase(host, { ...instance, image }, signal)
  if (!began) {
    const { xml } = await libvirt.call('domainGetXmlDesc', { dom, flags: XML_SECURE | XML_INACTIVE })
    await endGuest(host, dom)
    await forgetSaved(host, dom)
    await writeWhole(files.path(KEPT_XML), xml)
  }
  try {
    const disks = await rescueDisks(host, instance, base, files, signal)
    const rescued = await defineParts(host, instance, files, { disks, console_log: files.console_log })
    signal.throwIfAborted()
    await startGuest(host, rescued)
  } catch (error) {
    await putBack(host, files)
    throw refusedAtStart(error)
  }
}

/** The rescue system first, then the disk that it is to repair. */
async function rescueDisks(
  host: Hypervisor,
  instance: Instance,
  base: Awaited<ReturnType<typeof rootBase>>,
  files: GuestFiles,
  signal: AbortSignal,
): Promise<DomainDisk[]> {
  const { root_gb } = instance.flavor
  const own = (await files.disks()).get(ROOT) ?? 'qcow2'
  await removeRescueDisks(files)
  const size_bytes = root_gb > 0 ? root_gb * GIB : base.virtual_size_bytes
  const format = await diskFrom(host, base, files.path(RESCUE_ROOT), size_bytes, signal)
  const disks: DomainDisk[] = [
    { path: files.path(RESCUE_ROOT), format, device: 'disk', target: 'vda' },
    { path: files.path(ROOT), format: own, device: 'disk', target: 'vdb' },
  ]
  // By it the rescue system learns the password.
  if (!hasConfigDrive(host, instance)) return disks
  await makeConfigDrive(host, instance, files.path(RESCUE_CONFIG_DRIVE), signal)
  const { format: kind } = host.options.config_drive
  const drive = { path: files.path(RESCUE_CONFIG_DRIVE), format: 'raw' } as const
  return [...disks, kind === 'vfat' ? { ...drive, device: 'disk', target: 'vdc' } : { ...drive, device: 'cdrom', target: 'hda' }]
}

/** The driver's `unrescue`. */
export async function unrescueGuest(host: Hypervisor, serverId: string): Promise<void> {
  const { guests, instances_path } = host
  const dom = await guests.get(serverId)
  const files = guestFiles(instances_path, serverId)
  if (!(await files.has(KEPT_XML))) return powerOn(host, dom)
  await endGuest(host, dom)
  await startGuest(host, await putBack(host, files))
}

/** The definition from before, and nothing left of the rescue. The file that says so goes last. */
async function putBack(host: Hypervisor, files: GuestFiles): Promise<Domain> {
  const xml = await readFile(files.path(KEPT_XML), 'utf8')
  const dom = await defineXml(host, xml)
  await files.keepXml(xml)
  await removeRescueDisks(files)
  await rm(files.path(KEPT_XML), { force: true })
  return dom
}

async function removeRescueDisks(files: GuestFiles): Promise<void> {
  for (const name of [RESCUE_ROOT, RESCUE_CONFIG_DRIVE]) await rm(files.path(name), { force: true })
}
