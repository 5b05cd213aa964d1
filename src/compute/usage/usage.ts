import type { Cells } from '../../cells/index.ts'
import { badRequest, isUuid } from '../../kernel/index.ts'
import { placeOf, type UsagePlace, type UsageWindow, type UsedServer, usedServers } from './usage.store.ts'

/** A server's part of a window. */
export interface ServerUsage {
  readonly server: UsedServer
  readonly hours: number
}

export interface ProjectUsage {
  readonly project_id: string
  readonly servers: readonly ServerUsage[]
  readonly hours: number
  /** Each multiplied by the hours: GB-hours, MiB-hours and VCPU-hours. */
  readonly local_gb: number
  readonly memory_mb: number
  readonly vcpus: number
}

export type Usage = ReturnType<typeof createUsage>

/** Read at once where the answer has no pages. */
const CHUNK = 1_000
/** More than these are refused to clients that do not ask in pages. */
const MAX_SERVERS = 50_000
const HOUR_MS = 3_600_000

/** How much of the cloud projects have used in a period. */
export function createUsage(cells: Cells) {
  async function read(window: UsageWindow, after: UsagePlace | null, limit: number): Promise<UsedServer[]> {
    const { found } = await cells.gather((cell) => usedServers(cell, window, { after, limit }))
    return found.sort(inOrder).slice(0, limit)
  }

  async function readAll(window: UsageWindow): Promise<UsedServer[]> {
    const all: UsedServer[] = []
    for (let page = await read(window, null, CHUNK); page.length > 0; page = await read(window, page.at(-1)!, CHUNK)) {
      all.push(...page)
      if (all.length > MAX_SERVERS) throw badRequest('Too many servers for one answer: ask for pages, as from 2.40 on.')
      if (page.length < CHUNK) break
    }
    return all
  }

  async function placeAt(marker: string): Promise<UsagePlace> {
    const { found } = isUuid(marker) ? await cells.gather((cell) => placeOf(cell, marker)) : { found: [] }
    if (!found[0]) throw badRequest(`marker [${marker}] not found`)
    return found[0]
  }

  return {
    /**
     * By project, in order of their ids. A page is one of servers, so a project may go on in the next.
     * @param page null for everything. @throws {Problem} bad_request: unknown marker; too many for one answer
     */
    async of(window: UsageWindow, page: { limit: number; marker: string | null } | null): Promise<ProjectUsage[]> {
      const servers = page
        ? await read(window, page.marker === null ? null : await placeAt(page.marker), page.limit)
        : await readAll(window)
      const parts = servers.map((server) => ({ server, hours: hoursIn(window, server) }))
      return [...Map.groupBy(parts, ({ server }) => server.project_id)].map(([id, own]) => sumOf(id, own))
    },
  }
}

/** The database's order of text is by code point, which for ids is that of JavaScript. */
function inOrder(left: UsedServer, right: UsedServer): number {
  const [a, b] = left.project_id === right.project_id ? [left.id, right.id] : [left.project_id, right.project_id]
  return a < b ? -1 : Number(a > b)
}

function hoursIn({ start, end }: UsageWindow, { launched_at, terminated_at }: UsedServer): number {
  const from = Math.max(start.getTime(), launched_at.getTime())
  const to = Math.min(end.getTime(), terminated_at?.getTime() ?? Number.POSITIVE_INFINITY)
  return Math.max(0, to - from) / HOUR_MS
}

function sumOf(project_id: string, servers: readonly ServerUsage[]): ProjectUsage {
  const sum = (each: (server: UsedServer) => number): number =>
    servers.reduce((total, { server, hours }) => total + each(server) * hours, 0)
  return {
    project_id,
    servers,
    hours: sum(() => 1),
    local_gb: sum((server) => server.local_gb),
    memory_mb: sum((server) => server.memory_mb),
    vcpus: sum((server) => server.vcpus),
  }
}
