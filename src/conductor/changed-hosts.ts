import { HOSTS_CHANGED } from '../contracts/index.ts'
import type { Bus } from '../platform/bus/index.ts'
import type { Logger } from '../platform/log/index.ts'

/**
 * Changes are told of together, this long after the first of them. A scheduler knows its own decisions without being
 * told, and reads all hosts that it hears of at once in one statement.
 */
const GATHER_MS = 20

/** Hosts whose rows have changed, on their way to the schedulers. */
export interface ChangedHosts {
  /** @param tried servers whose claim on these hosts was tried, and is made or lost by now */
  add(cellId: string, hostIds: readonly number[], tried?: readonly string[]): void
  /** Tells what has been added so far, without waiting for more. */
  tell(): void
}

export function createChangedHosts(bus: Bus, log: Logger): ChangedHosts {
  /** By cell and host, the servers that were tried there. */
  let changed = new Map<string, Map<number, string[]>>()
  let timer: ReturnType<typeof setTimeout> | undefined

  function tell(): void {
    clearTimeout(timer)
    timer = undefined
    const told = changed
    changed = new Map()
    for (const [cell_id, hosts] of told) {
      const untried = [...hosts].filter(([, tried]) => tried.length === 0).map(([id]) => id)
      if (untried.length > 0) send({ cell_id, host_ids: untried })
      // Each by itself: a server that was tried on one of them may be due on another.
      for (const [id, tried] of hosts) if (tried.length > 0) send({ cell_id, host_ids: [id], tried })
    }
  }

  function send(message: { cell_id: string; host_ids: number[]; tried?: string[] }): void {
    bus.broadcast(HOSTS_CHANGED, message).catch((error) => {
      log.debug({ err: error }, 'schedulers were not told of changed hosts; they will look for themselves')
    })
  }

  return {
    tell,
    add(cellId, hostIds, tried = []) {
      if (hostIds.length === 0) return
      const hosts = changed.get(cellId) ?? new Map<number, string[]>()
      for (const id of hostIds) hosts.set(id, [...(hosts.get(id) ?? []), ...tried])
      changed.set(cellId, hosts)
      timer ??= setTimeout(tell, GATHER_MS)
    },
  }
}
