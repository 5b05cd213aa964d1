export { inNamespace } from './namespace.ts'
export type { Networking, NetworkQuestions } from './networking.ts'
export { NetworkingImpossible, type NetworkOptions, openNetworking } from './open.ts'
