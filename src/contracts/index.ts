export * from './agent.ts'
export * from './conductor.ts'
export { ContractError, message, type Message } from './contract.ts'
export * from './scheduler.ts'
