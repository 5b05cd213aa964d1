import {
  type Cells,
  type Host,
  listHosts,
  listMappedHosts,
  listServices,
  type Service,
  touchHosts,
  updateService,
} from '../../cells/index.ts'
import type { HostCalls } from '../../conductor/index.ts'
import { badRequest, type Clock, notFound } from '../../kernel/index.ts'
import type { Zones } from '../aggregates/zones.ts'
import type { HostNews } from '../ports.ts'
import { type ProjectUse, serversByHost, useByProject, workloads } from './hosts.store.ts'
import { serviceRemover } from './remove-service.ts'

/** A process of the cloud, with what follows from its row. */
export interface ServiceState {
  readonly service: Service
  readonly up: boolean
  readonly zone: string
}

export interface HypervisorState {
  readonly host: Host
  readonly up: boolean
  /** Servers that are being changed on it now: Nova's current_workload. */
  readonly building: number
  readonly servers: readonly { readonly id: string; readonly name: string }[] | null
  /** In the words of uptime(1); null where nobody asked or the host does not tell. A list asks no hosts. */
  readonly uptime: string | null
}

export interface ZoneState {
  readonly name: string
  readonly available: boolean
  readonly services: readonly ServiceState[]
}

export type HostStatus = 'UP' | 'DOWN' | 'MAINTENANCE' | 'UNKNOWN' | ''

export interface HostsOptions {
  readonly cells: Cells
  readonly clock: Clock
  readonly zones: Zones
  readonly news: HostNews
  readonly hostCalls: HostCalls
  readonly service_down_time_s: number
  readonly default_zone: string
  readonly internal_zone: string
}

export type Hosts = ReturnType<typeof createHosts>

const COMPUTE = 'nova-compute'
const UPTIME_DEADLINE_S = 10

/** Services, hypervisors and zones: the operator's side of the cloud, over all cells. */
export function createHosts(options: HostsOptions) {
  const { cells, clock, zones, news, service_down_time_s, default_zone, internal_zone } = options
  const isUp = (service: Pick<Service, 'last_seen_at' | 'forced_down'>): boolean =>
    !service.forced_down &&
    service.last_seen_at !== null &&
    clock.now() - service.last_seen_at.getTime() <= service_down_time_s * 1000

  /** The zone of a host; "" for none. */
  async function zoneOf(): Promise<(host: string | null) => string> {
    const known = await zones.current()
    return (host) => (host === null ? '' : (known.get(host) ?? default_zone))
  }

  async function statesOf(services: readonly Service[]): Promise<ServiceState[]> {
    const zone = await zoneOf()
    return services.map((service) => ({
      service,
      up: isUp(service),
      zone: service.binary_name === COMPUTE ? zone(service.host) : internal_zone,
    }))
  }

  type ServiceFilter = { readonly host?: string; readonly binary?: string }

  /** Also names the hosts whose cell cannot be reached: nobody knows how their service is. */
  async function servicesOfAll(filter: ServiceFilter = {}): Promise<{ known: ServiceState[]; unknown: string[] }> {
    const [ours, cellular] = await Promise.all([listServices(cells.global), cells.gather(listServices)])
    const { unreachable } = cellular
    const hosts = unreachable.length > 0 ? await listMappedHosts(cells.global, unreachable) : []
    const matches = (host: string, binary: string): boolean =>
      (filter.host ?? host) === host && (filter.binary ?? binary) === binary
    const known = [...ours, ...cellular.found].filter(({ host, binary_name }) => matches(host, binary_name))
    return { known: await statesOf(known), unknown: hosts.filter((host) => matches(host, COMPUTE)) }
  }

  const services = async (filter?: ServiceFilter): Promise<ServiceState[]> => (await servicesOfAll(filter)).known

  type ServiceChange = Partial<Pick<Service, 'disabled' | 'disabled_reason' | 'forced_down'>>

  async function hypervisors(): Promise<HypervisorState[]> {
    const { found } = await cells.gather(async (cell) => {
      const [hosts, workload] = await Promise.all([listHosts(cell), workloads(cell)])
      return hosts.map((host) => ({
        host,
        up: isUp(host),
        building: workload.get(host.host) ?? 0,
        servers: null,
        uptime: null,
      }))
    })
    return found
  }

  return {
    services,
    servicesOfAll,
    zoneOf,

    /** Changes a service where it lives, and tells the schedulers. Only compute services can be changed. */
    async change(host: string, binary: string, changes: ServiceChange): Promise<ServiceState> {
      if (binary !== COMPUTE) {
        throw badRequest(`Updating a ${binary} service is not supported. Only ${COMPUTE} services can be updated.`)
      }
      for (const cell of cells.withHosts()) {
        const service = await updateService(cell, { host, binary_name: binary }, changes)
        if (!service) continue
        news.hostsChanged(cell.id, await touchHosts(cell, [service.host]))
        const [state] = await statesOf([service])
        return state!
      }
      throw notFound(`Could not find binary ${binary} on host ${host}.`)
    },

    removeService: serviceRemover(options),

    async showService(uuid: string): Promise<ServiceState> {
      const found = (await services()).find(({ service }) => service.uuid === uuid)
      if (!found) throw notFound(`Service ${uuid} could not be found.`)
      return found
    },

    hypervisors,

    /** By its number, as before 2.53, or its UUID. */
    async hypervisor(id: string): Promise<HypervisorState> {
      const found = (await hypervisors()).find(({ host }) => host.uuid === id || String(host.id) === id)
      if (!found) throw notFound(`Hypervisor with ID '${id}' could not be found.`)
      return found
    },

    /** How long a host has been up, in the words of uptime(1). @throws {Problem} bad_request where it is down */
    async uptime({ host, up }: HypervisorState): Promise<string> {
      if (!up) throw badRequest(`Compute service of ${host.host} is unavailable at this time.`)
      return (await options.hostCalls.query(host.host, { query: 'uptime' }, UPTIME_DEADLINE_S)).uptime
    },

    /** Adds the servers that each hypervisor has. */
    async withServers(states: readonly HypervisorState[]): Promise<HypervisorState[]> {
      const names = states.map(({ host }) => host.host)
      const { found } = await cells.gather((cell) => serversByHost(cell, names))
      const byHost = Map.groupBy(found, (server) => server.host)
      return states.map((state) => ({ ...state, servers: byHost.get(state.host.host) ?? [] }))
    },

    /** What each project's servers on a host may take at most. */
    async useByProject(host: string): Promise<ProjectUse[]> {
      return (await cells.gather((cell) => useByProject(cell, host))).found
    },

    /** Zones that servers can be in; with `internal`, that of the services as well. */
    async zones({ internal }: { internal: boolean }): Promise<ZoneState[]> {
      const byZone = Map.groupBy(await services(), (state) => state.zone)
      return [...byZone]
        .filter(([name]) => internal || name !== internal_zone)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, members]) => ({
          name,
          available: members.some(({ service }) => !service.disabled),
          services: members,
        }))
    },

    /** Whether the compute service of a host reports itself, and nobody has said that it is down. */
    async isUp(host: string): Promise<boolean> {
      const { found } = await cells.gather(listServices)
      return found.some((service) => service.host === host && isUp(service))
    },

    /** What `host_status` says of each host. */
    async statuses(): Promise<ReadonlyMap<string, HostStatus>> {
      const { found } = await cells.gather(listServices)
      return new Map(found.map((service) => [service.host, hostStatus(service, isUp(service))]))
    },
  }
}

function hostStatus(service: Service, up: boolean): HostStatus {
  if (service.forced_down) return 'DOWN'
  if (service.disabled) return 'MAINTENANCE'
  return up ? 'UP' : 'UNKNOWN'
}
