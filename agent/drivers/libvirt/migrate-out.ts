import { rename, stat } from 'node:fs/promises'
import type { DiskFile, DiskOffer, Instance } from '../../../src/contracts/index.ts'
import { checkGuestDisk, convertDisk } from '../../images/index.ts'
import { offerDisks, type Offering } from '../../transfer/index.ts'
import { DriverError } from '../driver.ts'
import { defineGuest } from './define.ts'
import { filesSetAside, type GuestFiles, guestFiles } from './guest-files.ts'
import type { Hypervisor } from './hypervisor.ts'
import { ended, startGuest } from './lifecycle.ts'
import { powerOff, powerOn } from './power.ts'
import { undefineGuest } from './spawn.ts'

/** The guests' disks that other hosts may fetch from here at the moment, by server. */
export type Offerings = Map<string, Offering>

/** A disk as a file that stands alone, for a host that does not have what it stands on. */
export const FLAT = '.flat'
const NEVER = new AbortController().signal

/** The driver's `migrateOut`. */
export async function migrateOut(
  host: Hypervisor,
  offerings: Offerings,
  my_ip: string,
  serverId: string,
  timeout_s: number,
): Promise<DiskOffer> {
  const { guests, instances_path, clock } = host
  const here = guestFiles(instances_path, serverId)
  const aside = filesSetAside(instances_path, serverId)
  const dom = await guests.find(serverId)
  if (dom) {
    await powerOff(host, dom, timeout_s * 1000)
    if (await here.there()) {
      await aside.remove()
      await rename(here.directory, aside.directory)
    }
    await undefineGuest(host, serverId)
  }
  if (!(await aside.there())) throw new DriverError('There is no such guest.', { kind: 'not_found' })
  offerings.get(serverId)?.close()
  const disks = await diskFiles(host, aside)
  const names = new Set(disks.map(({ name }) => name))
  const offering = offerDisks({
    address: my_ip,
    disks,
    now_ms: clock.now(),
    open: async (name) => {
      if (names.has(name)) return aside.path(name)
      const whole = name.endsWith(FLAT) ? name.slice(0, -FLAT.length) : ''
      return names.has(whole) ? flattened(host, aside, whole) : null
    },
  })
  offerings.set(serverId, offering)
  return offering.offer
}

/** What there is of a guest's disks, each looked at before anybody reads it. */
export async function diskFiles({ images }: Pick<Hypervisor, 'images'>, files: GuestFiles): Promise<DiskFile[]> {
  const disks: DiskFile[] = []
  for (const [name, format] of await files.disks()) {
    const path = files.path(name)
    const facts = await checkGuestDisk({ path, format, base_directory: images.directory })
    disks.push({ name, format, size_bytes: (await stat(path)).size, virtual_size_bytes: facts.virtual_size_bytes })
  }
  return disks
}

/** Made at the first request; requests of one connection come one after the other. */
async function flattened({ images }: Hypervisor, files: GuestFiles, name: string): Promise<string> {
  const path = files.path(`${name}${FLAT}`)
  if (await files.has(`${name}${FLAT}`)) return path
  const format = (await files.disks()).get(name) ?? 'qcow2'
  const source = { path: files.path(name), format }
  await checkGuestDisk({ ...source, base_directory: images.directory })
  const part = files.path(`${name}${FLAT}.part`)
  await convertDisk(source, { path: part, format: 'qcow2' }, NEVER)
  await rename(part, path)
  return path
}

/** The driver's `confirmMigration`. */
export async function confirmMigration(host: Hypervisor, offerings: Offerings, serverId: string): Promise<void> {
  withdraw(offerings, serverId)
  await filesSetAside(host.instances_path, serverId).remove()
}

/** The driver's `revertMigration`. */
export async function revertMigration(
  host: Hypervisor,
  offerings: Offerings,
  instance: Instance,
  power_on: boolean,
): Promise<void> {
  const { guests, instances_path } = host
  const { server_id } = instance
  const here = guestFiles(instances_path, server_id)
  const aside = filesSetAside(instances_path, server_id)
  withdraw(offerings, server_id)
  if (await aside.there()) {
    await undefineGuest(host, server_id)
    await here.remove()
    await rename(aside.directory, here.directory)
  }
  if (!(await here.there())) throw new DriverError('There is no such guest.', { kind: 'not_found' })
  const dom = (await guests.find(server_id)) ?? (await defineGuest(host, instance, here))
  if (!power_on) return
  if (ended(await guests.state(dom))) return startGuest(host, dom)
  await powerOn(host, dom)
}

export function withdraw(offerings: Offerings, serverId: string): void {
  offerings.get(serverId)?.close()
  offerings.delete(serverId)
}

