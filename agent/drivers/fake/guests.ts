import { type Static, Type as T } from '@sinclair/typebox'
import { join } from 'node:path'
import { message, PowerState } from '../../../src/contracts/index.ts'
import { openAppendLog } from '../../append-log.ts'

const FakeGuest = T.Object({
  server_id: T.String(),
  name: T.String(),
  hostname: T.String(),
  vcpus: T.Integer(),
  memory_mb: T.Integer(),
  root_gb: T.Integer(),
  power_state: PowerState,
  /** How often it was started. */
  boots: T.Integer(),
  /** What is on its root disk: it goes with the disk, and a new disk is another one. */
  disk: T.String(),
  image_id: T.Union([T.String(), T.Null()]),
  vifs: T.Array(T.Object({ port_id: T.String(), mac_address: T.String() })),
  rescued: T.Boolean(),
  /**
   * `here` like any guest; `aside` for what a migration has set aside; `arriving` at the destination of a live one;
   * `left` at its source, until that is cleaned up.
   */
  place: T.Union([T.Literal('here'), T.Literal('aside'), T.Literal('arriving'), T.Literal('left')]),
})
export type FakeGuest = Static<typeof FakeGuest>

const Line = T.Object({ host: T.String(), server: T.String(), guest: T.Union([FakeGuest, T.Null()]) })
type Line = Static<typeof Line>
const guestLine = message('fake.guest-line', 1, Line)

/**
 * The guests of simulated hosts. Like those of a real hypervisor they outlive the agent: kept in a directory, they are
 * there again after a `kill -9`.
 */
export interface FakeGuests {
  /** By server id; those set aside under `asideKey`. */
  of(host: string): ReadonlyMap<string, FakeGuest>
  set(host: string, guest: FakeGuest): void
  delete(host: string, key: string): void
  close(): void
}

/** A guest that is set aside may stand beside the one that a resize on the same host makes of it. */
export const asideKey = (serverId: string): string => `${serverId}_resize`
const keyOf = ({ server_id, place }: FakeGuest): string => (place === 'aside' ? asideKey(server_id) : server_id)

const COMPACT_BYTES = 4_194_304
const NONE: ReadonlyMap<string, FakeGuest> = new Map()

type Hosts = Map<string, Map<string, FakeGuest>>

/** @param directory where the file `fake-guests` is kept; in memory only when absent. */
export function openFakeGuests(directory?: string): FakeGuests {
  const hosts: Hosts = new Map()
  const file = directory === undefined ? undefined : openFile(directory, hosts)

  function change(line: Line): void {
    file?.append(line)
    apply(hosts, line)
    file?.compactIfGrown()
  }

  return {
    of: (host) => hosts.get(host) ?? NONE,
    set: (host, guest) => change({ host, server: keyOf(guest), guest }),
    delete: (host, server) => change({ host, server, guest: null }),
    close: () => file?.close(),
  }
}

function openFile(directory: string, hosts: Hosts) {
  const [lines, { entries }] = openAppendLog<Line>({
    file: join(directory, 'fake-guests'),
    parse: guestLine.parse,
    // Simulated guests do not outlive the machine's crash either.
    durable: false,
  })
  for (const line of entries) apply(hosts, line)
  let compacted = 0
  compact()

  function compact(): void {
    lines.rewrite(snapshot(hosts))
    compacted = lines.bytes
  }

  return {
    append: lines.append,
    compactIfGrown: () => void (lines.bytes > Math.max(COMPACT_BYTES, 2 * compacted) && compact()),
    close: lines.close,
  }
}

function apply(hosts: Hosts, { host, server, guest }: Line): void {
  const guests = hosts.get(host) ?? new Map<string, FakeGuest>()
  hosts.set(host, guests)
  if (guest) guests.set(server, guest)
  else guests.delete(server)
}

function* snapshot(hosts: Hosts): Generator<Line> {
  for (const [host, guests] of hosts) {
    for (const [server, guest] of guests) yield { host, server, guest }
  }
}
