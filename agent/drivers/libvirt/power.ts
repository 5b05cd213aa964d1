import type { PowerState } from '../../../src/contracts/index.ts'
import type { Clock } from '../../../src/kernel/index.ts'
import { type Domain, isLibvirtError, type Libvirt, SHUTDOWN_ACPI_POWER_BUTTON } from '../../libvirt/index.ts'
import type { Guests } from './guests.ts'

/** Starting takes long where many guests start at once. */
const START_DEADLINE_MS = 120_000
/** libvirt itself waits for QEMU to go, and then kills it. */
const END_DEADLINE_MS = 60_000
const END_ATTEMPTS = 3
/** A guest that boots does not hear its power button, so it is pressed again this often. */
const PRESS_AGAIN_MS = 10_000
/** How often a guest's state is asked for beside listening to events. */
const POLL_MS = 1_000

export interface Power {
  readonly libvirt: Libvirt
  /** For calls that take as long as QEMU takes: nothing else waits behind them there. */
  readonly slow: Libvirt
  readonly guests: Guests
  readonly clock: Clock
}

/** There is no QEMU process behind the domain. */
export const ended = (state: PowerState): boolean => state === 'shutdown' || state === 'crashed'

export async function startGuest({ slow, guests }: Pick<Power, 'slow' | 'guests'>, dom: Domain): Promise<void> {
  await slow.call('domainCreateWithFlags', { dom, flags: 0 }, { deadline_ms: START_DEADLINE_MS })
  await guests.look(dom)
}

/** Ends QEMU at once; a guest that has ended already is fine. */
export async function endGuest({ slow, guests }: Pick<Power, 'slow' | 'guests'>, dom: Domain): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await slow.call('domainDestroyFlags', { dom, flags: 0 }, { deadline_ms: END_DEADLINE_MS })
      return await guests.look(dom)
    } catch (error) {
      if (isLibvirtError(error, 'VIR_ERR_OPERATION_INVALID', 'VIR_ERR_NO_DOMAIN')) return
      // QEMU that waits for a slow disk cannot be killed yet.
      const unkillable = isLibvirtError(error, 'VIR_ERR_SYSTEM_ERROR', 'VIR_ERR_OPERATION_FAILED')
      if (!unkillable || attempt >= END_ATTEMPTS) throw error
    }
  }
}

export async function powerOn(power: Power, dom: Domain): Promise<void> {
  const { libvirt, guests } = power
  const state = await guests.state(dom)
  if (ended(state)) return startGuest(power, dom)
  if (state !== 'paused') return
  await libvirt.call('domainResume', { dom })
  await guests.look(dom)
}

export async function powerOff(power: Power, dom: Domain, timeout_ms: number): Promise<void> {
  if (await shutDown(power, dom, timeout_ms)) return
  await endGuest(power, dom)
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
