import { type Domain, isLibvirtError } from '../../libvirt/index.ts'
import { DriverError } from '../driver.ts'
import type { Hypervisor } from './hypervisor.ts'

/** libvirt itself waits a few seconds for the agent. */
const AGENT_DEADLINE_MS = 60_000

/** What libvirt says when no agent is in the guest, or in its definition. */
const NO_AGENT = [
  'VIR_ERR_AGENT_UNRESPONSIVE',
  'VIR_ERR_ARGUMENT_UNSUPPORTED',
  'VIR_ERR_CONFIG_UNSUPPORTED',
  'VIR_ERR_OPERATION_UNSUPPORTED',
  'VIR_ERR_NO_SUPPORT',
]

/** The driver's `changePassword`: of the user who administers Linux. */
export async function changePassword(
  { slow, guests }: Pick<Hypervisor, 'slow' | 'guests'>,
  dom: Domain,
  password: string,
): Promise<void> {
  const state = await guests.state(dom)
  if (state !== 'running') throw new DriverError(`The guest is ${state}.`)
  try {
    const user = 'root'
    await slow.call('domainSetUserPassword', { dom, user, password, flags: 0 }, { deadline_ms: AGENT_DEADLINE_MS })
  } catch (error) {
    if (!isLibvirtError(error, ...NO_AGENT)) throw error
    throw new DriverError('No QEMU guest agent answers in the guest.', { kind: 'unsupported', cause: error })
  }
}

/** The driver's `crashDump`. */
export async function crashDump({ libvirt, guests }: Pick<Hypervisor, 'libvirt' | 'guests'>, dom: Domain): Promise<void> {
  const state = await guests.state(dom)
  if (state !== 'running' && state !== 'paused') throw new DriverError(`The guest is ${state}.`)
  await libvirt.call('domainInjectNmi', { dom, flags: 0 })
}
