import type { PowerState } from '../../../src/contracts/index.ts'
import { type Domain, isLibvirtError } from '../../libvirt/index.ts'
import type { Hypervisor } from './hypervisor.ts'

/** Starting takes long where many guests start at once. */
const START_DEADLINE_MS = 120_000
/** libvirt itself waits for QEMU to go, and then kills it. */
const END_DEADLINE_MS = 60_000
const END_ATTEMPTS = 3

/** There is no QEMU process behind the domain. */
export const ended = (state: PowerState): boolean => state === 'shutdown' || state === 'crashed'

export async function startGuest({ slow, guests }: Pick<Hypervisor, 'slow' | 'guests'>, dom: Domain): Promise<void> {
  await slow.call('domainCreateWithFlags', { dom, flags: 0 }, { deadline_ms: START_DEADLINE_MS })
  await guests.look(dom)
}

/** Ends QEMU at once; a guest that has ended already is fine. */
export async function endGuest({ slow, guests }: Pick<Hypervisor, 'slow' | 'guests'>, dom: Domain): Promise<void> {
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
