export { createNetworks, type Networks, type NetworksOptions } from './networks.ts'
export type { NetworkRequest, NetworkRequests } from './servers/requests.ts'
export type { AllocateInput, ServerPorts } from './servers/server-ports.ts'
