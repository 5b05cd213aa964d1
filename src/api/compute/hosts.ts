import { Type as T } from '@sinclair/typebox'
import type { Compute, HypervisorState } from '../../compute/index.ts'
import { notFound, Problem } from '../../kernel/index.ts'
import { Many, Text } from './fields.ts'
import { usedMemory } from './older.ts'
import { type Asked, bodyShape, queryShape, resource, route } from './route.ts'

const HostsQuery = queryShape('hosts', { zone: Many(Text) })

const Switch = T.Union(
  (['enable', 'disable', 'Enable', 'Disable', 'ENABLE', 'DISABLE'] as const).map((word) => T.Literal(word)),
)
const HostUpdate = bodyShape(
  'host.update',
  { status: T.Optional(Switch), maintenance_mode: T.Optional(Switch) },
  (inner) => inner,
)

/** Machines by their services, until 2.42; `os-services` and `os-hypervisors` took their place. */
export function hosts({ hosts }: Compute) {
  async function compute({ params }: Asked): Promise<HypervisorState[]> {
    const name = params.id!
    const found = (await hosts.hypervisors()).filter(({ host }) => host.host === name)
    if (found.length === 0) throw notFound(`Compute host ${name} could not be found.`)
    return found
  }

  /** Machines are not switched on and off from here: not by libvirt, nor by any driver of Nova's that is left. */
  const power = (verb: 'reboot' | 'shutdown' | 'startup', rule: string) =>
    route('GET', `/os-hosts/:id/${verb}`, {
      until: '2.42',
      policy: `os_compute_api:os-hosts:${rule}`,
      ok: 200,
      async handle(req) {
        await compute(req)
        throw unsupported()
      },
    })

  return resource('os-hosts', [
    route('GET', '/os-hosts', {
      until: '2.42',
      policy: 'os_compute_api:os-hosts:list',
      query: HostsQuery,
      ok: 200,
      async handle({ query }) {
        const zone = query.zone?.at(-1)
        const services = (await hosts.services()).filter((state) => !zone || state.zone === zone)
        return {
          hosts: services.map(({ service, zone }) => ({
            host_name: service.host,
            service: service.binary_name.replace(/^nova-/, ''),
            zone,
          })),
        }
      },
    }),

    route('GET', '/os-hosts/:id', {
      until: '2.42',
      policy: 'os_compute_api:os-hosts:show',
      ok: 200,
      async handle(req) {
        const [state] = await compute(req)
        return { host: rowsOf(state!, await hosts.useByProject(state!.host.host)) }
      },
    }),

    route('PUT', '/os-hosts/:id', {
      until: '2.42',
      policy: 'os_compute_api:os-hosts:update',
      body: HostUpdate,
      ok: 200,
      async handle(req) {
        const { status, maintenance_mode } = req.body
        const [state] = await compute(req)
        if (maintenance_mode !== undefined) throw unsupported()
        const { host } = state!.host
        if (status === undefined) return { host }
        const disabled = status.toLowerCase() === 'disable'
        await hosts.change(host, 'nova-compute', { disabled, disabled_reason: null })
        return { host, status: disabled ? 'disabled' : 'enabled' }
      },
    }),

    power('reboot', 'reboot'),
    power('shutdown', 'shutdown'),
    power('startup', 'start'),
  ])
}

const unsupported = (): Problem => new Problem('not_implemented', 'Virt driver does not implement this action.')

type Use = Awaited<ReturnType<Compute['hosts']['useByProject']>>[number]

/** What the host has, what is taken of it, and what its servers may take at most: of all, and of each project. */
function rowsOf({ host }: HypervisorState, uses: readonly Use[]): unknown[] {
  const row = (project: string, cpu: number, memory_mb: number, disk_gb: number) => ({
    resource: { host: host.host, project, cpu, memory_mb, disk_gb },
  })
  const sum = (of: (use: Use) => number): number => uses.reduce((total, use) => total + of(use), 0)
  return [
    row('(total)', host.vcpus, host.memory_mb, host.local_gb),
    row('(used_now)', host.vcpus_used, usedMemory(host), host.disk_gb_used),
    row(
      '(used_max)',
      sum(({ vcpus }) => vcpus),
      sum(({ memory_mb }) => memory_mb),
      sum(({ disk_gb }) => disk_gb),
    ),
    ...uses.map(({ project_id, vcpus, memory_mb, disk_gb }) => row(project_id, vcpus, memory_mb, disk_gb)),
  ]
}
