export {
  type Bus,
  BusTimeout,
  BusUnavailable,
  type ConsumeOptions,
  type Json,
  MAX_DELIVERIES,
  type Subscription,
} from './bus.ts'
export { createMemoryBus } from './memory.ts'
export { openBus, TransportUrlError } from './open.ts'
