import type { GlobalDb } from '../platform/db/index.ts'
import type { Logger } from '../platform/log/index.ts'
import { bootstrap } from './bootstrap.ts'
import { type NetworkVerbs, networkVerbs } from './networks/network-verbs.ts'
import { type PortVerbs, portVerbs } from './ports/port-verbs.ts'
import { type SecurityGroupVerbs, securityGroupVerbs } from './security-groups/security-group-verbs.ts'
import { type ServerPorts, serverPorts } from './servers/server-ports.ts'
import { type SubnetVerbs, subnetVerbs } from './subnets/subnet-verbs.ts'

/** The network service: networks with their addresses, ports and security groups. */
export interface Networks extends ServerPorts {
  /** Makes the first network, once in the life of a database. */
  bootstrap(): Promise<void>
  readonly networks: NetworkVerbs
  readonly subnets: SubnetVerbs
  readonly ports: PortVerbs
  readonly securityGroups: SecurityGroupVerbs
}

export interface NetworksOptions {
  readonly db: GlobalDb
  readonly log: Logger
}

export function createNetworks({ db, log }: NetworksOptions): Networks {
  return {
    ...serverPorts(db),
    bootstrap: () => bootstrap(db, log),
    networks: networkVerbs(db),
    subnets: subnetVerbs(db),
    ports: portVerbs(db),
    securityGroups: securityGroupVerbs(db),
  }
}
