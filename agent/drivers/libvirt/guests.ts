import type { PowerState } from '../../../src/contracts/index.ts'
import type { Logger } from '../../../src/platform/log/index.ts'
import {
  type Domain,
  DomainState,
  isLibvirtError,
  type Libvirt,
  type LibvirtEvent,
  LifecycleEvent,
  METADATA_ELEMENT,
  ShutoffReason,
  STATS_STATE,
} from '../../libvirt/index.ts'
import { DriverError, type GuestState } from '../driver.ts'
import { GUEST_NAMESPACE } from './domain-xml.ts'
import { noGuest } from './failure.ts'
import { parseXml, XmlError } from './xml.ts'

export interface Guest {
  readonly domain: Domain
  readonly power_state: PowerState
}

/** The domains that are this host's guests, and no others: by the mark in their metadata. */
export interface Guests {
  /** Null where there is no domain of this id. @throws {DriverError} where there is one that is not ours. */
  find(serverId: string): Promise<Domain | null>
  /** @throws {DriverError} `not_found`. */
  get(serverId: string): Promise<Domain>
  list(): Promise<Guest[]>
  state(domain: Domain): Promise<PowerState>
  /** Takes libvirt's events. An event only says where to look: by the time it is read the guest may be further. */
  event(event: LibvirtEvent): void
  /** Tells of a guest that a verb has just started or ended, so that this is known when the verb returns. */
  look(domain: Domain): Promise<void>
  /** Reports what has changed unseen while there was no connection. */
  resync(): Promise<void>
  /** Settles when the power state of some guest has changed. */
  nextChange(): Promise<void>
  onPower(callback: (guest: GuestState) => void): void
}

export function createGuests(libvirt: Libvirt, options: { host: string; log: Logger }): Guests {
  const { host, log } = options
  const ours = new Set<string>()
  const reported = new Map<string, PowerState>()
  const callbacks: ((guest: GuestState) => void)[] = []
  let next = Promise.withResolvers<void>()
  // To look at a guest is to ask libvirt; what is found is still told in order.
  let events: Promise<void> = Promise.resolve()

  async function isOurs(dom: Domain): Promise<boolean> {
    if (!ours.has(dom.uuid) && (await markOf(libvirt, dom)) === host) ours.add(dom.uuid)
    return ours.has(dom.uuid)
  }

  function report(serverId: string, power_state: PowerState): void {
    if (reported.get(serverId) === power_state) return
    reported.set(serverId, power_state)
    for (const callback of callbacks) callback({ server_id: serverId, power_state })
    next.resolve()
    next = Promise.withResolvers<void>()
  }

  async function look(dom: Domain): Promise<void> {
    if (!(await isOurs(dom))) return
    try {
      report(dom.uuid, await state(dom))
    } catch (error) {
      if (!isLibvirtError(error, 'VIR_ERR_NO_DOMAIN')) throw error
      if (reported.has(dom.uuid)) report(dom.uuid, 'shutdown')
    }
  }

  async function lifecycle(dom: Domain, event: number): Promise<void> {
    if (event === LifecycleEvent.undefined) {
      ours.delete(dom.uuid)
      reported.delete(dom.uuid)
    } else if (event === LifecycleEvent.defined) {
      ours.delete(dom.uuid)
    } else {
      await look(dom)
    }
  }

  function inOrder(what: string, work: () => Promise<void>): Promise<void> {
    events = events.then(work).catch((error: unknown) => log.warn({ err: error }, `missed ${what}`))
    return events
  }

  async function state(dom: Domain): Promise<PowerState> {
    const { state, reason } = await libvirt.call('domainGetState', { dom, flags: 0 })
    return powerState(state, reason)
  }

  async function find(serverId: string): Promise<Domain | null> {
    try {
      const { dom } = await libvirt.call('domainLookupByUuid', { uuid: serverId })
      if (await isOurs(dom)) return dom
    } catch (error) {
      if (isLibvirtError(error, 'VIR_ERR_NO_DOMAIN')) return null
      throw error
    }
    throw new DriverError('The host has a guest with this id that belongs to someone else.')
  }

  async function list(): Promise<Guest[]> {
    const { records } = await libvirt.call('connectGetAllDomainStats', { domains: [], stats: STATS_STATE, flags: 0 })
    const mine = await Promise.all(records.map(({ dom }) => isOurs(dom)))
    return records
      .filter((_, index) => mine[index])
      .map(({ dom, params }) => {
        const figure = (name: string): number => Number(params.find(({ field }) => field === name)?.value.value ?? 0)
        return { domain: dom, power_state: powerState(figure('state.state'), figure('state.reason')) }
      })
  }

  return {
    find,
    list,

    async get(serverId) {
      const domain = await find(serverId)
      if (!domain) throw noGuest()
      return domain
    },

    state,
    look,

    event({ event, message }) {
      if (event === 'lifecycle') void inOrder('an event of a guest', () => lifecycle(message.dom, message.event))
      else log.debug({ instance: message.dom.uuid }, 'the guest rebooted')
    },

    resync: () =>
      inOrder('what happened to guests without a connection', async () => {
        ours.clear()
        const found = new Map((await list()).map(({ domain, power_state }) => [domain.uuid, power_state]))
        for (const id of reported.keys()) {
          if (!found.has(id)) reported.delete(id)
        }
        for (const [id, power_state] of found) {
          if (reported.has(id)) report(id, power_state)
          else reported.set(id, power_state)
        }
      }),

    nextChange: () => next.promise,
    onPower: (callback) => void callbacks.push(callback),
  }
}

/** The host that a domain was made for, or null when no driver of ours made it. */
async function markOf(libvirt: Libvirt, dom: Domain): Promise<string | null> {
  try {
    const question = { dom, type: METADATA_ELEMENT, uri: GUEST_NAMESPACE, flags: 0 }
    const { metadata } = await libvirt.call('domainGetMetadata', question)
    return parseXml(metadata).attributes.host ?? null
  } catch (error) {
    if (isLibvirtError(error, 'VIR_ERR_NO_DOMAIN_METADATA', 'VIR_ERR_NO_DOMAIN')) return null
    if (error instanceof XmlError) return null
    throw error
  }
}

const states: Readonly<Record<number, PowerState>> = {
  [DomainState.running]: 'running',
  [DomainState.blocked]: 'running',
  [DomainState.paused]: 'paused',
  // On its way down; until it is there QEMU runs.
  [DomainState.shutdown]: 'running',
  [DomainState.shutoff]: 'shutdown',
  [DomainState.crashed]: 'crashed',
  [DomainState.pmsuspended]: 'suspended',
}

function powerState(state: number, reason: number): PowerState {
  const died = reason === ShutoffReason.crashed || reason === ShutoffReason.failed
  if (state === DomainState.shutoff && died) return 'crashed'
  return states[state] ?? 'nostate'
}
