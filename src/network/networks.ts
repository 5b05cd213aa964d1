import type { Clock } from '../kernel/index.ts'
import type { GlobalDb } from '../platform/db/index.ts'
import type { Logger } from '../platform/log/index.ts'
import { bootstrap } from './bootstrap.ts'
import { type ServerPorts, serverPorts } from './servers/server-ports.ts'

/** The network service: networks with their addresses, ports and security groups. */
export interface Networks extends ServerPorts {
  /** Makes the first network, once in the life of a database. */
  bootstrap(): Promise<void>
}

export interface NetworksOptions {
  readonly db: GlobalDb
  readonly clock: Clock
  readonly log: Logger
}

export function createNetworks({ db, log }: NetworksOptions): Networks {
  return {
    ...serverPorts(db),
    bootstrap: () => bootstrap(db, log),
  }
}
