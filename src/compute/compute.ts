import type { Cells } from '../cells/index.ts'
import { type HostCalls, ringTask } from '../conductor/index.ts'
import { HOSTS_CHANGED } from '../contracts/index.ts'
import type { Clock } from '../kernel/index.ts'
import type { Bus } from '../platform/bus/index.ts'
import type { Logger } from '../platform/log/index.ts'
import { type Aggregates, createAggregates } from './aggregates/aggregates.ts'
import { createZones } from './aggregates/zones.ts'
import { type Consoles, createConsoles } from './consoles/consoles.ts'
import { createFlavors, type Flavors } from './flavors/flavors.ts'
import { createHosts, type Hosts } from './hosts/hosts.ts'
import { createKeypairs, type Keypairs } from './keypairs/keypairs.ts'
import type { HostNews, ImageLookup, NetworkCheck, ProjectLookup, Scheduling } from './ports.ts'
import type { Proxies } from './proxies.ts'
import { createPlacement, type Placement } from './placement/placement.ts'
import { createQuotas, type Quotas, type QuotaValues } from './quotas/quotas.ts'
import { createServerGroups, type ServerGroups } from './server-groups/server-groups.ts'
import { createServerUseCases, type Servers } from './servers/servers.ts'
import { createUsage, type Usage } from './usage/usage.ts'

export interface ComputeOptions {
  readonly cells: Cells
  readonly bus: Bus
  readonly projects: ProjectLookup
  readonly images: ImageLookup
  readonly networks: NetworkCheck
  readonly hostCalls: HostCalls
  readonly proxies: Proxies
  readonly scheduling: Scheduling
  readonly clock: Clock
  readonly log: Logger
  /** `[quota]`; of its options those that are counted here. */
  readonly quota: QuotaValues
  readonly instance_name_template: string
  readonly rpc_response_timeout_s: number
  readonly allow_resize_to_same_host: boolean
  readonly reclaim_instance_interval_s: number
  readonly service_down_time_s: number
  readonly default_availability_zone: string
  readonly default_schedule_zone: string | null
  readonly internal_service_availability_zone: string
  /** `[consoleauth] token_ttl`. */
  readonly console_token_ttl_s: number
}

/** What people do with the cloud's compute part; each field is one noun. No HTTP here. */
export interface Compute {
  readonly flavors: Flavors
  readonly keypairs: Keypairs
  readonly servers: Servers
  readonly consoles: Consoles
  readonly serverGroups: ServerGroups
  readonly hosts: Hosts
  readonly aggregates: Aggregates
  readonly quotas: Quotas
  readonly usage: Usage
  /** The neighbours, as Nova's own old routes show them. */
  readonly proxies: Proxies
  readonly placement: Placement
}

export function createCompute(options: ComputeOptions): Compute {
  const { cells, bus, projects, clock, log } = options
  const quotas = createQuotas({ db: cells.global, projects, defaults: options.quota })
  const zones = createZones(cells.global, clock)
  const news: HostNews = {
    hostsChanged(cellId, hostIds) {
      if (hostIds.length === 0) return
      bus.broadcast(HOSTS_CHANGED, { cell_id: cellId, host_ids: [...hostIds] }).catch((error) => {
        log.debug({ err: error }, 'schedulers were not told of changed hosts; they will look for themselves')
      })
    },
  }
  const ring = (database: string, taskId: string): void => ringTask(bus, database, taskId, log)
  const hosts = createHosts({
    cells,
    clock,
    zones,
    news,
    hostCalls: options.hostCalls,
    service_down_time_s: options.service_down_time_s,
    default_zone: options.default_availability_zone,
    internal_zone: options.internal_service_availability_zone,
  })
  const serverGroups = createServerGroups({ cells, quotas })
  return {
    flavors: createFlavors({ db: cells.global, projects }),
    keypairs: createKeypairs({ db: cells.global, quotas }),
    hosts,
    aggregates: createAggregates({ db: cells.global, cells, zones, news, images: options.images, ring }),
    quotas,
    proxies: options.proxies,
    usage: createUsage(cells),
    placement: createPlacement(cells),
    consoles: createConsoles({ cells, hostCalls: options.hostCalls, token_ttl_s: options.console_token_ttl_s }),
    serverGroups,
    servers: createServerUseCases({
      cells,
      quotas,
      hosts,
      serverGroups,
      images: options.images,
      networks: options.networks,
      hostCalls: options.hostCalls,
      scheduling: options.scheduling,
      default_schedule_zone: options.default_schedule_zone,
      clock,
      instance_name_template: options.instance_name_template,
      rpc_response_timeout_s: options.rpc_response_timeout_s,
      allow_resize_to_same_host: options.allow_resize_to_same_host,
      reclaim_instance_interval_s: options.reclaim_instance_interval_s,
      ring,
    }),
  }
}
