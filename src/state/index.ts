export { writeClientFiles } from './client-files.ts'
export { lockStatePath, StatePathInUse } from './lock.ts'
export { loadSecrets, type Secrets } from './secrets.ts'
