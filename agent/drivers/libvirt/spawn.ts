import type { Instance } from '../../../src/contracts/index.ts'
import { type Domain, isLibvirtError, LibvirtError, UNDEFINE_ALL } from '../../libvirt/index.ts'
import { DriverError, type Progress, type Spawn, type SpawnStage } from '../driver.ts'
import { defineGuest } from './define.ts'
import { makeDisks, rootBase } from './guest-disks.ts'
import { filesSetAside, guestFiles } from './guest-files.ts'
import type { Hypervisor } from './hypervisor.ts'
import { endGuest, ended, startGuest } from './lifecycle.ts'

/** The driver's `spawn`; @throws whatever fails, with nothing left of the guest. */
export async function spawnGuest(
  host: Hypervisor,
  instance: Instance,
  progress: Progress,
  signal: AbortSignal,
  { power_on = true, reuse_disks = false }: Spawn = {},
): Promise<void> {
  const { guests, log, removals } = host
  await removals.claim(instance.server_id)
  const existing = await guests.find(instance.server_id)
  if (existing && (!power_on || !ended(await guests.state(existing)))) return
  const enter = (stage: SpawnStage): void => {
    signal.throwIfAborted()
    progress(stage)
  }
  try {
    // A guest that is defined has its disk: an earlier build got as far as that.
    const domain = existing ?? (await buildGuest(host, instance, enter, signal, reuse_disks))
    enter('start')
    if (power_on) await startGuest(host, domain)
    signal.throwIfAborted()
  } catch (error) {
    await destroyGuest(host, instance.server_id, { keep_disks: reuse_disks }).catch((err: unknown) => {
      log.warn({ err, instance: instance.server_id }, 'could not remove what a failed build left')
      if (!reuse_disks) removals.later(instance.server_id)
    })
    throw refusedAtStart(error)
  }
}

/** The domain is the driver's own making, so what stops it from running is something about this host. */
export function refusedAtStart(error: unknown): unknown {
  if (!(error instanceof LibvirtError)) return error
  return new DriverError('The hypervisor could not start the guest.', { kind: 'unavailable', cause: error })
}

async function buildGuest(
  host: Hypervisor,
  instance: Instance,
  enter: (stage: SpawnStage) => void,
  signal: AbortSignal,
  reuse_disks: boolean,
): Promise<Domain> {
  const files = guestFiles(host.instances_path, instance.server_id)
  enter('image')
  const base = await rootBase(host, instance, signal)
  enter('disk')
  if (!reuse_disks) {
    await files.make()
    await makeDisks(host, instance, base, files, signal)
  }
  enter('define')
  return defineGuest(host, instance, files)
}

/** The driver's `destroy`. */
export async function destroyGuest(
  host: Pick<Hypervisor, 'slow' | 'guests' | 'instances_path'>,
  serverId: string,
  { keep_disks = false } = {},
): Promise<void> {
  if (keep_disks) return undefineGuest(host, serverId)
  await removeGuest(host, serverId)
  await filesSetAside(host.instances_path, serverId).remove()
}

/** The guest and its files, but for those that a migration has set aside. */
export async function removeGuest(
  host: Pick<Hypervisor, 'slow' | 'guests' | 'instances_path'>,
  serverId: string,
): Promise<void> {
  await undefineGuest(host, serverId)
  await guestFiles(host.instances_path, serverId).remove()
}

/** Ends the guest and removes its definition; its files stay. Of one that is not there: nothing. */
export async function undefineGuest(host: Pick<Hypervisor, 'slow' | 'guests'>, serverId: string): Promise<void> {
  const dom = await host.guests.find(serverId)
  if (!dom) return
  await endGuest(host, dom)
  await host.slow.call('domainUndefineFlags', { dom, flags: UNDEFINE_ALL }).catch((error: unknown) => {
    if (!isLibvirtError(error, 'VIR_ERR_NO_DOMAIN')) throw error
  })
}
