export { lock, LockHeld } from './lock.ts'
