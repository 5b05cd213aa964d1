import type { Clock } from '../kernel/index.ts'
import type { Logger } from '../platform/log/index.ts'
import type { Fleet } from './fleet.ts'
import type { CellSource, HostsRead } from './host.ts'
import type { Taken } from './taken.ts'

/** Without a word from the bus, a cell is asked for changes this often. */
export const CATCH_UP_EVERY_MS = 3_000
/**
 * Pause before the next read where more was named during one: under load, hosts are read some at a time instead of one
 * at a time. What was decided meanwhile is counted already.
 */
export const PAUSE_BETWEEN_READS_MS = 4
/** A read that takes longer is given up, and made again later. */
const READ_DEADLINE_MS = 10_000
/** Ids collected while a read is under way; beyond this all changes are asked for instead. */
const MAX_WANTED = 10_000

/** Keeps the hosts of one cell in the fleet as its database has them. */
export interface Replica {
  readonly cell_id: string
  /** When its last complete read began; null before the first. */
  readonly read_at: number | null
  /** Asks what has changed; resolves when the answer is in the fleet, or failed. Never rejects. */
  catchUp(): Promise<void>
  /** Resolves when no read is under way. */
  idle(): Promise<void>
  /**
   * Reads these hosts again, together with others named before the reading begins. Never rejects.
   * @param tried servers whose claim there is made or lost: what they were counted with is in the rows, or not due
   */
  refresh(hostIds: readonly number[], tried?: readonly string[]): Promise<void>
}

export interface ReplicaParts {
  readonly source: CellSource
  readonly fleet: Fleet
  readonly taken: Taken
  readonly clock: Clock
  readonly log: Logger
  /** Aborts when the scheduler stops: nothing more is read. */
  readonly signal: AbortSignal
}

export function createReplica({ source, fleet, taken, clock, log, signal }: ReplicaParts): Replica {
  const { cell_id } = source
  const wanted = new Set<number>()
  /** By host id. */
  let tried = new Map<number, readonly string[]>()
  let marker: string | null = null
  let readAt: number | null = null
  let everything = false
  let failing = false
  /** The reader at work. One read after the other, so that an older row never overwrites a newer one. */
  let reading: Promise<void> | undefined

  function wake(): Promise<void> {
    // Begins in a later turn: what is named in this one is read together.
    reading ??= Promise.resolve().then(readAll)
    return reading
  }

  async function readAll(): Promise<void> {
    try {
      for (let reads = 0; everything || wanted.size > 0; reads++) {
        if (reads > 0) await clock.sleep(PAUSE_BETWEEN_READS_MS, signal)
        if (signal.aborted) return
        await (everything || marker === null ? readChanges() : readWanted())
      }
      if (failing) log.info({ cell: cell_id }, 'hosts of the cell are read again')
      failing = false
    } catch (error) {
      if (!failing) log.warn({ cell: cell_id, err: error }, 'hosts of the cell cannot be read; the last state is used')
      failing = true
    } finally {
      reading = undefined
    }
  }

  async function readChanges(): Promise<void> {
    everything = false
    wanted.clear()
    const startedAt = clock.now()
    const done = takeTried()
    const changes = await withDeadline(source.hostsSince(marker, taken.servers()))
    take(changes, done)
    for (const id of changes.removed) remove(id)
    marker = changes.marker
    readAt = startedAt
  }

  async function readWanted(): Promise<void> {
    const ids = [...wanted]
    wanted.clear()
    const done = takeTried()
    const read = await withDeadline(source.hosts(ids, taken.servers(ids.map(slotOf))))
    take(read, done)
    const found = new Set(read.hosts.map(({ id }) => id))
    for (const id of ids) if (!found.has(id)) remove(id)
  }

  const slotOf = (hostId: number): number | undefined => fleet.slotOf(cell_id, hostId)

  /** Servers told of before a read begins: whatever became of their claims, its rows have it. */
  function takeTried(): HostsRead['claimed'] {
    const told = tried
    tried = new Map()
    return told
  }

  function take({ hosts, claimed }: HostsRead, done: HostsRead['claimed']): void {
    const now = clock.now()
    for (const row of hosts) {
      fleet.put(cell_id, row, now)
      const slot = slotOf(row.id)
      if (slot !== undefined) taken.settle(slot, [...(claimed.get(row.id) ?? []), ...(done.get(row.id) ?? [])])
    }
  }

  function remove(hostId: number): void {
    const slot = slotOf(hostId)
    if (slot === undefined) return
    taken.forget(slot)
    fleet.remove(cell_id, hostId)
  }

  async function withDeadline<T>(read: Promise<T>): Promise<T> {
    const done = new AbortController()
    const late = clock.sleep(READ_DEADLINE_MS, done.signal).then(() => {
      if (!done.signal.aborted) throw new Error(`no answer within ${READ_DEADLINE_MS / 1000} s`)
    })
    try {
      return (await Promise.race([read, late])) as T
    } finally {
      done.abort()
    }
  }

  return {
    cell_id,
    get read_at() {
      return readAt
    },
    idle: async () => reading,
    catchUp() {
      everything = true
      return wake()
    },
    refresh(hostIds, servers = []) {
      if (servers.length > 0) for (const id of hostIds) tried.set(id, [...(tried.get(id) ?? []), ...servers])
      if (wanted.size + hostIds.length > MAX_WANTED) everything = true
      else for (const id of hostIds) wanted.add(id)
      return wake()
    },
  }
}
