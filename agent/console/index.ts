export { relayConsole, type RelayTarget } from './relay.ts'
