import { type AgentCommand, type HostEvent, HOST_EVENTS, type PowerState, type Progress } from '../src/contracts/index.ts'
import type { Clock } from '../src/kernel/index.ts'
import type { Bus, Json } from '../src/platform/bus/index.ts'
import type { Logger } from '../src/platform/log/index.ts'
import type { Driver, GuestState } from './drivers/driver.ts'
import type { NetworkQuestions } from './network/index.ts'
import type { AgentOptions } from './options.ts'

/** Tells the control plane what is on one host: what it has, that it lives, which guests it runs and how they are. */
export interface Reporter {
  /** Inventory and guests, as at the start. What cannot be sent now is sent with a later beat. */
  announce(): Promise<void>
  /** Called once per `report_interval`: the heartbeat, and whatever else is due. Never throws. */
  beat(): Promise<void>
  /** Takes note of a state that the control plane is told of in another way, as the answer to a command. */
  note(serverId: string, powerState: PowerState): void
  /** Called for each change of a guest's power state: reports it unless it is known. Never throws. */
  powerChanged(serverId: string): Promise<void>
  /** Reports how far a command is: each stage, and within one at most once a second. Never throws, nor repeats. */
  progress(command: AgentCommand, progress: Progress): Promise<void>
  /** Questions about the network and its guests; each is answered by a push. */
  readonly ask: NetworkQuestions
  goodbye(): Promise<void>
}

export interface ReporterInput {
  readonly host: string
  readonly node_id: string
  readonly driver: Driver
  readonly bus: Bus
  readonly options: AgentOptions
  readonly clock: Clock
  readonly log: Logger
  /** Runs `work` while no command changes the server. */
  readonly undisturbed: <T>(serverId: string, work: () => Promise<T>) => Promise<T>
}

/** How often a host looks whether what it has changed, as Nova's update of resources. */
const INVENTORY_INTERVAL_S = 60
const PROGRESS_INTERVAL_MS = 1000
/** Commands in whose midst a host is; more than run at once. */
const MAX_TOLD = 256
/** The contract's bound of a report of guests. */
const MAX_GUESTS = 10_000

type Unsent<Event> = Event extends unknown ? Omit<Event, 'host' | 'sent_at'> : never

export function createReporter(input: ReporterInput): Reporter {
  const { host, node_id, driver, bus, options, clock, log, undisturbed } = input
  /** What the control plane believes of each guest. */
  let reported = new Map<string, PowerState>()
  /** What is noted while a list of guests is made: it is newer than the list. */
  let meanwhile: Map<string, PowerState> | undefined
  const queued = new Set<string>()
  /** Of each server, what was last told of a command that takes long. */
  const told = new Map<string, { command_id: string; stage: string; at: number }>()
  let lastInventory = ''
  let lastSent = 0
  let beats = 0
  let beating = false
  let unheard = false

  const inventoryBeats = beatsIn(INVENTORY_INTERVAL_S, options)
  const guestBeats = beatsIn(options.sync_power_state_interval_s, options)

  /** Events of one host bear rising times, so that a receiver can tell their order. */
  async function publish(event: Unsent<HostEvent>): Promise<void> {
    lastSent = Math.max(clock.now(), lastSent + 1)
    const message = { host, sent_at: lastSent, ...event } as HostEvent
    await bus.publish(HOST_EVENTS, message as Json)
  }

  async function reportInventory(always: boolean): Promise<void> {
    const inventory = { ...(await driver.inventory()), node_id, ...options.inventory }
    const text = JSON.stringify(inventory)
    if (!always && text === lastInventory) return
    await publish({ event: 'inventory', inventory })
    lastInventory = text
  }

  async function reportGuests(): Promise<void> {
    reported = await guestStates()
    if (reported.size > MAX_GUESTS) {
      log.error({ guests: reported.size }, `more than ${MAX_GUESTS} guests: they are not reported`)
      return
    }
    const guests = Array.from(reported, ([server_id, power_state]): GuestState => ({ server_id, power_state }))
    await publish({ event: 'guests', guests })
  }

  async function guestStates(): Promise<Map<string, PowerState>> {
    const newer = (meanwhile = new Map<string, PowerState>())
    try {
      const states = new Map((await driver.guests()).map((guest) => [guest.server_id, guest.power_state]))
      for (const [serverId, state] of newer) remember(states, serverId, state)
      return states
    } finally {
      meanwhile = undefined
    }
  }

  function note(serverId: string, powerState: PowerState): void {
    remember(reported, serverId, powerState)
    meanwhile?.set(serverId, powerState)
  }

  async function announce(): Promise<void> {
    await attempt('report itself', async () => {
      await reportInventory(true)
      await reportGuests()
    })
  }

  async function beat(): Promise<void> {
    if (beating) return
    beating = true
    beats++
    await attempt('report', async () => {
      await publish({ event: 'heartbeat', report_count: beats })
      if (unheard || beats % guestBeats === 0) {
        await reportInventory(true)
        await reportGuests()
      } else if (beats % inventoryBeats === 0) {
        await reportInventory(false)
      }
      if (unheard) log.info({}, 'the host has reported in full again')
      unheard = false
    })
    beating = false
  }

  /** A report that fails is made up for: the next beat that gets through tells everything anew. */
  async function attempt(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (err) {
      if (!unheard) log.warn({ err }, `the host could not ${what}; it goes on trying`)
      unheard = true
    }
  }

  async function powerChanged(serverId: string): Promise<void> {
    if (queued.has(serverId)) return
    queued.add(serverId)
    const check = async (): Promise<void> => {
      queued.delete(serverId)
      const state = await driver.powerState(serverId)
      if (state === (reported.get(serverId) ?? 'nostate')) return
      await publish({ event: 'power', server_id: serverId, power_state: state })
      note(serverId, state)
    }
    await attempt('report a power state', () => undisturbed(serverId, check))
    queued.delete(serverId)
  }

  async function progress({ server_id, command_id }: AgentCommand, progress: Progress): Promise<void> {
    const last = told.get(server_id)
    const { stage } = progress
    const now = clock.now()
    const isSame = last?.command_id === command_id && last.stage === stage
    if (isSame && now - last.at < PROGRESS_INTERVAL_MS) return
    told.set(server_id, { command_id, stage, at: now })
    if (told.size > MAX_TOLD) told.delete(told.keys().next().value!)
    try {
      await publish({ event: 'progress', server_id, command_id, progress })
    } catch (err) {
      log.debug({ err, instance: server_id }, 'progress could not be reported')
    }
  }

  return {
    announce,
    beat,
    note,
    powerChanged,
    progress,
    ask: {
      networks: (holds) => publish({ event: 'networks_wanted', ...(holds === undefined ? {} : { holds }) }),
      wanted: (server_id) => publish({ event: 'guest_wanted', server_id }),
      password: (server_id, password) => publish({ event: 'guest_password', server_id, password }),
    },
    goodbye: () => attempt('say goodbye', () => publish({ event: 'goodbye' })),
  }
}

/** As Nova reads an interval: 0 is its default of 60 s, below 0 is never. */
function beatsIn(interval_s: number, { report_interval_s }: AgentOptions): number {
  if (interval_s < 0) return Infinity
  return Math.max(1, Math.round((interval_s || 60) / report_interval_s))
}

function remember(states: Map<string, PowerState>, serverId: string, state: PowerState): void {
  if (state === 'nostate') states.delete(serverId)
  else states.set(serverId, state)
}
