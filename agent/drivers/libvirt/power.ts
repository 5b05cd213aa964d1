import { type Domain, isLibvirtError, type Libvirt, SHUTDOWN_ACPI_POWER_BUTTON } from '../../libvirt/index.ts'
import type { Hypervisor } from './hypervisor.ts'
import { endGuest, ended, startGuest } from './lifecycle.ts'
import { forgetSaved } from './suspend.ts'

/** A guest that boots does not hear its power button, so it is pressed again this often. */
const PRESS_AGAIN_MS = 10_000
/** How often a guest's state is asked for beside listening to events. */
const POLL_MS = 1_000

export type Power = Pick<Hypervisor, 'libvirt' | 'slow' | 'guests' | 'clock'>

export async function powerOn(power: Power, dom: Domain): Promise<void> {
  const { libvirt, guests } = power
  const state = await guests.state(dom)
  if (ended(state)) return startGuest(power, dom)
  if (state !== 'paused') return
  await libvirt.call('domainResume', { dom })
  await guests.look(dom)
}

export async function powerOff(power: Power, dom: Domain, timeout_ms: number): Promise<void> {
  if (!(await shutDown(power, dom, timeout_ms))) await endGuest(power, dom)
  // A suspended guest has ended, and would go on where it was.
  await forgetSaved(power, dom)
}

/** By ACPI first where it is soft. Ends with a guest that has started anew. */
export async function reboot(power: Power, dom: Domain, soft_ms: number): Promise<void> {
  await powerOff(power, dom, soft_ms)
  await startGuest(power, dom)
}

/** Presses the guest's power button, and waits for it to stop. @returns whether it has. */
async function shutDown({ libvirt, guests, clock }: Power, dom: Domain, timeout_ms: number): Promise<boolean> {
  const deadline = clock.now() + timeout_ms
  let pressAt = clock.now()
  for (;;) {
    const change = guests.nextChange()
    const state = await guests.state(dom)
    if (ended(state)) return true
    const now = clock.now()
    // A guest that does not run hears nothing.
    if (now >= deadline || state !== 'running') return false
    if (now >= pressAt) {
      await pressPowerButton(libvirt, dom)
      pressAt = now + PRESS_AGAIN_MS
    }
    const wait = new AbortController()
    await Promise.race([change, clock.sleep(Math.min(POLL_MS, deadline - now), wait.signal)])
    wait.abort()
  }
}

async function pressPowerButton(libvirt: Libvirt, dom: Domain): Promise<void> {
  try {
    await libvirt.call('domainShutdownFlags', { dom, flags: SHUTDOWN_ACPI_POWER_BUTTON })
  } catch (error) {
    // It stopped in between; the next look at its state says so.
    if (!isLibvirtError(error, 'VIR_ERR_OPERATION_INVALID')) throw error
  }
}
