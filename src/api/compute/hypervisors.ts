import { Type as T } from '@sinclair/typebox'
import type { Compute, HypervisorState } from '../../compute/index.ts'
import { badRequest, isUuid, notFound } from '../../kernel/index.ts'
import { CountText, Fqdn, Once } from './fields.ts'
import { usedMemory } from './older.ts'
import { pageOf, paged } from './paging.ts'
import { type Asked, queryShape, type Req, resource, route } from './route.ts'
import { hypervisorBrief, hypervisorView } from './views/hypervisors.ts'

const WithServers = Once(T.String({ maxLength: 10 }))

const HypervisorsQuery = queryShape('hypervisors', {
  limit: Once(CountText),
  marker: Once(T.String({ maxLength: 255 })),
  hypervisor_hostname_pattern: Once(Fqdn),
  with_servers: WithServers,
})
const HypervisorQuery = queryShape('hypervisor', { with_servers: WithServers })
type HypervisorsQuery = ReturnType<ReturnType<typeof HypervisorsQuery.at>>

/** What compute hosts have, and what they run. */
export function hypervisors({ hosts }: Compute, { maxLimit }: { maxLimit: number }) {
  return resource('os-hypervisors', [
    route('GET', '/os-hypervisors', {
      policy: 'os_compute_api:os-hypervisors:list',
      query: HypervisorsQuery,
      ok: 200,
      handle: (req) => list(req, hypervisorBrief),
    }),

    route('GET', '/os-hypervisors/detail', {
      policy: 'os_compute_api:os-hypervisors:list-detail',
      query: HypervisorsQuery,
      ok: 200,
      handle: (req) => list(req, hypervisorView),
    }),

    route('GET', '/os-hypervisors/statistics', {
      until: '2.87',
      policy: 'os_compute_api:os-hypervisors:statistics',
      ok: 200,
      handle: async () => ({ hypervisor_statistics: statistics(await hosts.hypervisors()) }),
    }),

    route('GET', '/os-hypervisors/:id', {
      policy: 'os_compute_api:os-hypervisors:show',
      query: HypervisorQuery,
      ok: 200,
      async handle(req) {
        const found = await byId(req)
        const [shown] = wantsServers(req.query) ? await hosts.withServers([found]) : [found]
        const uptime = req.does('hypervisors-show-uptime') ? await uptimeOrNull(found) : null
        return { hypervisor: req.as(hypervisorView, { ...shown!, uptime }) }
      },
    }),

    route('GET', '/os-hypervisors/:id/uptime', {
      until: '2.87',
      policy: 'os_compute_api:os-hypervisors:uptime',
      ok: 200,
      async handle(req) {
        const found = await byId(req)
        return { hypervisor: { ...req.as(hypervisorBrief, found), uptime: await hosts.uptime(found) } }
      },
    }),

    route('GET', '/os-hypervisors/:id/search', {
      until: '2.52',
      policy: 'os_compute_api:os-hypervisors:search',
      ok: 200,
      handle: async ({ params, as }) => ({
        hypervisors: (await named(params.id!)).map((state) => as(hypervisorBrief, state)),
      }),
    }),

    route('GET', '/os-hypervisors/:id/servers', {
      until: '2.52',
      policy: 'os_compute_api:os-hypervisors:servers',
      ok: 200,
      handle: async ({ params, as }) => ({
        hypervisors: (await hosts.withServers(await named(params.id!))).map((state) => as(hypervisorBrief, state)),
      }),
    }),
  ])

  /** Hypervisors with `part` in their name; there must be one. */
  async function named(part: string): Promise<HypervisorState[]> {
    const found = (await hosts.hypervisors()).filter(({ host }) => host.node.includes(part))
    if (found.length === 0) throw notFound(`No hypervisor matching '${part}' could be found.`)
    return found
  }

  async function byId({ params, does }: Asked): Promise<HypervisorState> {
    const id = params.id!
    if (does('hosts-by-uuid') ? isUuid(id) : /^\d+$/.test(id)) return hosts.hypervisor(id)
    if (does('hosts-by-uuid')) throw badRequest(`Invalid uuid ${id.slice(0, 64)}`)
    throw notFound(`Hypervisor with ID '${id}' could not be found.`)
  }

  /** Null is Nova's word for a host that does not tell; a show must not fail for it. */
  async function uptimeOrNull(found: HypervisorState): Promise<string | null> {
    return hosts.uptime(found).catch(() => null)
  }

  async function list(req: Req<null, HypervisorsQuery>, view: typeof hypervisorView) {
    const pattern = req.query.hypervisor_hostname_pattern?.[0]
    const inPages = req.does('hypervisors-in-pages')
    const { limit, marker } = pageOf(req.query, maxLimit)
    if (pattern !== undefined && (req.query.limit || marker !== null)) {
      throw badRequest('Paging over hypervisors with the hypervisor_hostname_pattern query parameter is not supported.')
    }
    const all = pattern === undefined ? await hosts.hypervisors() : await named(pattern)
    const idOf = ({ host }: HypervisorState): string => (req.does('hosts-by-uuid') ? host.uuid : String(host.id))
    let from = 0
    if (inPages && marker !== null) {
      from = all.findIndex((state) => idOf(state) === marker) + 1
      if (from === 0) throw badRequest(`marker [${marker}] not found`)
    }
    const page = inPages ? all.slice(from, from + limit) : all
    const items = wantsServers(req.query) ? await hosts.withServers(page) : page
    return paged(req, 'hypervisors', items, { view, page: inPages ? { limit, marker } : null, marker: idOf })
  }
}

function wantsServers({ with_servers }: { readonly with_servers?: readonly string[] }): boolean {
  const word = with_servers?.at(-1)
  if (word === undefined) return false
  if (/^(true|1|on|yes)$/i.test(word)) return true
  if (/^(false|0|off|no)$/i.test(word)) return false
  throw badRequest(`Invalid input for query parameters with_servers. Value: ${word}. It is not a boolean.`)
}

function statistics(states: readonly HypervisorState[]): Record<string, number> {
  const sum = (of: (state: HypervisorState) => number): number => states.reduce((total, state) => total + of(state), 0)
  return {
    count: states.length,
    current_workload: sum(({ building }) => building),
    disk_available_least: sum(({ host }) => host.local_gb - host.disk_gb_used),
    free_disk_gb: sum(({ host }) => host.local_gb - host.disk_gb_used),
    free_ram_mb: sum(({ host }) => host.memory_mb - usedMemory(host)),
    local_gb: sum(({ host }) => host.local_gb),
    local_gb_used: sum(({ host }) => host.disk_gb_used),
    memory_mb: sum(({ host }) => host.memory_mb),
    memory_mb_used: sum(({ host }) => usedMemory(host)),
    running_vms: sum(({ host }) => host.running_vms),
    vcpus: sum(({ host }) => host.vcpus),
    vcpus_used: sum(({ host }) => host.vcpus_used),
  }
}
