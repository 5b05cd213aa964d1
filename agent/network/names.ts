import { createHash } from 'node:crypto'
import { assert, isUuid } from '../../src/kernel/index.ts'

/**
 * What the objects of a host's network are called: Nova's and Neutron's names where they have one, the first eleven
 * characters of the id behind it. An interface's name has at most 15. Ids are the only part that comes from outside.
 */
const short = (id: string): string => {
  assert(isUuid(id), 'networks, routers and ports are named by UUIDs')
  return id.slice(0, 11)
}

export const bridgeName = (networkId: string): string => `brq${short(networkId)}`
export const tapName = (portId: string): string => `tap${short(portId)}`
/** The pair of devices between a network's bridge and its namespace: `port` is on the bridge. */
export const gatewayNames = (networkId: string): { port: string; inside: string } => ({
  port: `vgw${short(networkId)}`,
  inside: `gw${short(networkId)}`,
})
/** The pair of devices between a namespace and the machine's own network: `outside` is the machine's. */
export const uplinkNames = (domainId: string): { outside: string; inside: string } => ({
  outside: `vup${short(domainId)}`,
  inside: 'uplink',
})

/** Tells what one host of a machine has made from what others have: of its name and state path. */
export const scopeOf = (host: string, statePath: string): string =>
  createHash('sha256').update(`${host}\0${statePath}`).digest('hex').slice(0, 8)

export const namespacePrefix = (scope: string): string => `bunova-${scope}-`
export const namespaceName = (scope: string, domainId: string): string => `${namespacePrefix(scope)}${short(domainId)}`
/** Every interface that we make bears this as its alias; one that does not is never touched. */
export const ownerAlias = (scope: string): string => `bunova:${scope}`
/** Of the tables of nftables. */
export const tableName = (scope: string): string => `bunova_${scope}`
