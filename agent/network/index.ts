export { bridgeName, tapName } from './names.ts'
export { inNamespace } from './namespace.ts'
export type { Networking } from './networking.ts'
export { NetworkingImpossible, type NetworkOptions, openNetworking } from './open.ts'
