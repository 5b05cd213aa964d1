import type { Domain, Libvirt } from '../../libvirt/index.ts'
import { DriverError } from '../driver.ts'
import type { Hypervisor } from './hypervisor.ts'
import { ended, startGuest } from './lifecycle.ts'

/** Memory goes to a file: as long as the disk takes. */
const SAVE_DEADLINE_MS = 1_800_000

type Suspends = Pick<Hypervisor, 'libvirt' | 'slow' | 'guests'>

/** The driver's `pause`. */
export async function pauseGuest({ libvirt, guests }: Suspends, dom: Domain): Promise<void> {
  const state = await guests.state(dom)
  if (state === 'paused') return
  if (state !== 'running') throw new DriverError(`The guest is ${state}.`)
  await libvirt.call('domainSuspend', { dom })
  await guests.look(dom)
}

/** The driver's `unpause`. */
export async function unpauseGuest({ libvirt, guests }: Suspends, dom: Domain): Promise<void> {
  const state = await guests.state(dom)
  if (state === 'running') return
  if (state !== 'paused') throw new DriverError(`The guest is ${state}.`)
  await libvirt.call('domainResume', { dom })
  await guests.look(dom)
}

/** The driver's `suspend`: libvirt keeps the memory, and the next start takes it up. */
export async function suspendGuest({ libvirt, slow, guests }: Suspends, dom: Domain): Promise<void> {
  const state = await guests.state(dom)
  if (ended(state)) {
    if (await isSaved(libvirt, dom)) return
    throw new DriverError(`The guest is ${state}.`)
  }
  await slow.call('domainManagedSave', { dom, flags: 0 }, { deadline_ms: SAVE_DEADLINE_MS })
  await guests.look(dom)
}

/** The driver's `resume`. */
export async function resumeGuest(host: Suspends, dom: Domain): Promise<void> {
  const { libvirt, guests } = host
  const state = await guests.state(dom)
  if (state === 'running') return
  if (ended(state)) {
    if (!(await isSaved(libvirt, dom))) throw new DriverError(`The guest is ${state}, and its memory was not saved.`)
    await startGuest(host, dom)
  }
  // It was paused when it was suspended.
  if ((await guests.state(dom)) === 'paused') await unpauseGuest(host, dom)
}

/** Removes the memory that a suspended guest would go on with. */
export async function forgetSaved({ libvirt }: Pick<Hypervisor, 'libvirt'>, dom: Domain): Promise<void> {
  if (await isSaved(libvirt, dom)) await libvirt.call('domainManagedSaveRemove', { dom, flags: 0 })
}

const isSaved = async (libvirt: Libvirt, dom: Domain): Promise<boolean> =>
  (await libvirt.call('domainHasManagedSaveImage', { dom, flags: 0 })).result === 1
