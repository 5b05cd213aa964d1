import type { Domain } from '../../libvirt/index.ts'
import type { GuestVerbs } from '../driver.ts'
import { diagnose } from './diagnostics.ts'
import { asDriverErrors } from './failure.ts'
import { changePassword, crashDump } from './guest-agent.ts'
import type { Hypervisor } from './hypervisor.ts'
import { attachInterface, detachInterface } from './interfaces.ts'
import type { LibvirtDriverOptions } from './options.ts'
import { powerOff, powerOn, reboot } from './power.ts'
import { rebuildGuest } from './rebuild.ts'
import { rescueGuest, unrescueGuest } from './rescue.ts'
import { snapshotGuest } from './snapshot.ts'
import { destroyGuest, spawnGuest } from './spawn.ts'
import { pauseGuest, resumeGuest, suspendGuest, unpauseGuest } from './suspend.ts'

/**
 * What is done to guests where they are, each with the sentence for a tenant when libvirt refuses it.
 * @param ready the hypervisor once it is prepared; @throws {DriverError} before.
 * @param parts what verbs need that only end a guest: they work without the rest.
 */
export function guestVerbs(
  ready: () => Hypervisor,
  parts: Omit<Hypervisor, 'host'>,
  { wait_soft_reboot_seconds }: LibvirtDriverOptions['libvirt'],
): GuestVerbs {
  /** A verb on a guest that has to be there. */
  const onGuest = <T>(refused: string, serverId: string, verb: (dom: Domain) => Promise<T>): Promise<T> =>
    asDriverErrors(refused, async () => verb(await parts.guests.get(serverId)))

  return {
    spawn: (instance, progress, signal, options) =>
      asDriverErrors('The guest could not be built.', () => spawnGuest(ready(), instance, progress, signal, options)),
    destroy: (serverId, options) =>
      asDriverErrors('The guest could not be removed.', () => destroyGuest(parts, serverId, options)),
    rebuild: (instance, progress, signal, options) =>
      asDriverErrors('The guest could not be rebuilt.', () =>
        rebuildGuest(ready(), instance, progress, signal, options),
      ),

    powerOn: (serverId) => onGuest('The guest could not be started.', serverId, (dom) => powerOn(parts, dom)),
    powerOff: (serverId, timeout_s) =>
      onGuest('The guest could not be stopped.', serverId, (dom) => powerOff(parts, dom, timeout_s * 1000)),
    reboot: (serverId, type) =>
      onGuest('The guest could not be rebooted.', serverId, (dom) =>
        reboot(parts, dom, type === 'SOFT' ? wait_soft_reboot_seconds * 1000 : 0),
      ),

    pause: (serverId) => onGuest('The guest could not be paused.', serverId, (dom) => pauseGuest(parts, dom)),
    unpause: (serverId) => onGuest('The guest could not be unpaused.', serverId, (dom) => unpauseGuest(parts, dom)),
    suspend: (serverId) => onGuest('The guest could not be suspended.', serverId, (dom) => suspendGuest(parts, dom)),
    resume: (serverId) => onGuest('The guest could not be resumed.', serverId, (dom) => resumeGuest(parts, dom)),

    rescue: (instance, image, signal) =>
      asDriverErrors('The guest could not be rescued.', () => rescueGuest(ready(), instance, image, signal)),
    unrescue: (serverId) =>
      asDriverErrors('The guest could not be brought back from its rescue.', () => unrescueGuest(ready(), serverId)),

    snapshot: (serverId, target, progress, signal) =>
      asDriverErrors('The image of the guest could not be made.', () =>
        snapshotGuest(ready(), serverId, target, progress, signal),
      ),

    changePassword: (serverId, password) =>
      onGuest('The password could not be changed.', serverId, (dom) => changePassword(parts, dom, password)),
    crashDump: (serverId) =>
      onGuest('The guest could not be made to dump its memory.', serverId, (dom) => crashDump(parts, dom)),

    attachInterface: (serverId, vif) =>
      onGuest('The interface could not be attached.', serverId, (dom) => attachInterface(parts, dom, vif)),
    detachInterface: (serverId, portId) =>
      onGuest('The interface could not be detached.', serverId, (dom) => detachInterface(parts, dom, portId)),

    diagnostics: (serverId) =>
      onGuest('The guest could not be diagnosed.', serverId, (dom) => diagnose(ready(), dom)),
  }
}
