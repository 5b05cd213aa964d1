import { type Static, Type as T } from '@sinclair/typebox'
import { ConsoleKind } from './console.ts'
import { message } from './contract.ts'
import { Diagnostics } from './diagnostics.ts'
import { ImageSource, ImageTarget, Instance, PowerState, Uuid, Vif } from './instance.ts'
import { DiskFile, DiskOffer, LiveDisks, LiveTarget } from './moving.ts'

/**
 * What the control plane tells and asks a compute host; what a host reports by itself is in `host-events.ts`.
 *
 * A host serves calls on `agentTopic(host)`. Each command carries an id, by which the host recognises one that it has
 * already done (it then answers from its journal), and the server's generation, by which it refuses one that has been
 * overtaken. What each verb promises is said once, at the driver port (`agent/drivers/driver.ts`).
 */
export const agentTopic = (host: string): string => `agent.${host}`

const common = {
  command_id: Uuid,
  server_id: Uuid,
  generation: T.Integer({ minimum: 0 }),
  /** Of the request that led to it, for the host's log. */
  request_id: T.Optional(T.String({ maxLength: 64 })),
}

const command = <V extends string>(verb: V) => T.Object({ ...common, verb: T.Literal(verb) })

/** For a guest to stop by itself, before it is ended. */
const Grace = T.Integer({ minimum: 0, maximum: 3600 })

/** The commands a host obeys. Each is safe to send again: same `command_id`, same effect, same answer. */
export const AgentCommand = T.Union([
  /** Makes disks and starts the guest. Done again for a guest that runs: nothing. */
  T.Object({
    ...common,
    verb: T.Literal('spawn'),
    instance: Instance,
    /** False leaves it off; absent starts it. */
    power_on: T.Optional(T.Boolean()),
    /** Takes disks that are there already, on storage that hosts share, as an evacuation does. */
    reuse_disks: T.Optional(T.Boolean()),
  }),
  /** Ends the guest and removes all that is left of it. Of one that does not exist: nothing. */
  T.Object({
    ...common,
    verb: T.Literal('destroy'),
    /** For a guest that goes on elsewhere with the same disks, on storage that hosts share. */
    keep_disks: T.Optional(T.Boolean()),
  }),
  command('power_on'),
  /** ACPI first, then by force after `timeout_s`; 0 is by force at once. */
  T.Object({ ...common, verb: T.Literal('power_off'), timeout_s: Grace }),
  T.Object({ ...common, verb: T.Literal('reboot'), type: T.Union([T.Literal('SOFT'), T.Literal('HARD')]) }),
  command('pause'),
  command('unpause'),
  command('suspend'),
  command('resume'),
  T.Object({
    ...common,
    verb: T.Literal('rebuild'),
    instance: Instance,
    preserve_ephemeral: T.Boolean(),
    /** Whether the guest runs afterwards: one that was off stays so. */
    power_on: T.Boolean(),
  }),
  T.Object({ ...common, verb: T.Literal('rescue'), instance: Instance, image: ImageSource }),
  command('unrescue'),
  T.Object({ ...common, verb: T.Literal('snapshot'), target: ImageTarget }),
  T.Object({ ...common, verb: T.Literal('change_password'), admin_password: T.String({ maxLength: 255 }) }),
  command('crash_dump'),
  T.Object({ ...common, verb: T.Literal('attach_interface'), vif: Vif }),
  T.Object({ ...common, verb: T.Literal('detach_interface'), port_id: Uuid }),

  // A cold migration or a resize: out of the source, into the destination, then confirmed or reverted at the source.
  T.Object({ ...common, verb: T.Literal('migrate_out'), timeout_s: Grace }),
  T.Object({
    ...common,
    verb: T.Literal('migrate_in'),
    /** With the new flavor. */
    instance: Instance,
    /** Where the disks are; null: this very host has set them aside. */
    source: T.Union([DiskOffer, T.Null()]),
    power_on: T.Boolean(),
  }),
  command('confirm_migration'),
  T.Object({
    ...common,
    verb: T.Literal('revert_migration'),
    /** With the old flavor. */
    instance: Instance,
    power_on: T.Boolean(),
  }),

  // A live migration: prepared at the destination, done by the source, finished or taken back at the destination.
  T.Object({
    ...common,
    verb: T.Literal('live_prepare'),
    instance: Instance,
    /** What the source answered to the query `disks`. */
    disks: T.Array(DiskFile, { maxItems: 32 }),
    /** What the user asked for; `auto` is for the hosts to find out. */
    storage: T.Union([T.Literal('auto'), LiveDisks]),
  }),
  T.Object({
    ...common,
    verb: T.Literal('live_migrate'),
    target: LiveTarget,
    storage: T.Union([T.Literal('auto'), LiveDisks]),
  }),
  T.Object({ ...common, verb: T.Literal('live_finish'), instance: Instance }),
  T.Object({ ...common, verb: T.Literal('live_rollback') }),
  /** At the source, beside a `live_migrate` that runs. */
  command('live_abort'),
  command('live_force_complete'),
])
export type AgentCommand = Static<typeof AgentCommand>
export type AgentVerb = AgentCommand['verb']
export type CommandOf<V extends AgentVerb> = Extract<AgentCommand, { verb: V }>

/** Questions: no id, no journal, and no effect on a guest. */
export const AgentQuery = T.Union([
  T.Object({
    query: T.Literal('console_output'),
    server_id: Uuid,
    /** Lines from the end; null is all (bounded by the host). */
    lines: T.Union([T.Integer({ minimum: 0, maximum: 1_000_000 }), T.Null()]),
  }),
  /** How long the host has been up, in the words of uptime(1). */
  T.Object({ query: T.Literal('uptime') }),
  /** What the guest uses, and what it is made of. */
  T.Object({ query: T.Literal('diagnostics'), server_id: Uuid }),
  /** Fetches an image ahead of builds from it; answered when it is there. */
  T.Object({ query: T.Literal('cache_image'), image: ImageSource }),
  /** The guest's own disks, for the host that is to take it over. */
  T.Object({ query: T.Literal('disks'), server_id: Uuid }),
  T.Object({ query: T.Literal('console_address'), server_id: Uuid, kind: ConsoleKind }),
  /** Has the console brought to `url`; answered when it is there. See `CONSOLE_TICKET_HEADER`. */
  T.Object({
    query: T.Literal('console_connect'),
    server_id: Uuid,
    kind: ConsoleKind,
    url: T.String({ maxLength: 2048, pattern: '^wss?://' }),
    ticket: T.String({ maxLength: 255 }),
  }),
])
export type AgentQuery = Static<typeof AgentQuery>
export type QueryName = AgentQuery['query']
export type QueryOf<N extends QueryName> = Extract<AgentQuery, { query: N }>

export const agentRequest = message('agent.request', 1, T.Union([AgentCommand, AgentQuery]))

export const CommandResult = T.Object({
  power_state: PowerState,
  /** Of `migrate_out`. */
  offer: T.Optional(DiskOffer),
  /** Of `live_prepare`. */
  target: T.Optional(LiveTarget),
  /** Of `live_migrate`: how the disks went over. */
  storage: T.Optional(LiveDisks),
})
export type CommandResult = Static<typeof CommandResult>
export const commandResult = message('agent.command-result', 1, CommandResult)

/** The answer to each query. */
export const queryAnswers = {
  console_output: message('agent.console-output', 1, T.Object({ output: T.String({ maxLength: 1_048_576 }) })),
  uptime: message('agent.uptime', 1, T.Object({ uptime: T.String({ maxLength: 255 }) })),
  diagnostics: message('agent.diagnostics', 1, Diagnostics),
  console_address: message(
    'agent.console-address',
    1,
    T.Object({
      host: T.String({ maxLength: 255 }),
      port: T.Union([T.Integer({ minimum: 1, maximum: 65_535 }), T.Null()]),
    }),
  ),
  cache_image: message('agent.image-cached', 1, T.Object({})),
  console_connect: message('agent.console-connected', 1, T.Object({})),
  disks: message('agent.disks', 1, T.Object({ disks: T.Array(DiskFile, { maxItems: 32 }) })),
} as const
export type QueryAnswer<N extends QueryName> = Static<(typeof queryAnswers)[N]['schema']>
