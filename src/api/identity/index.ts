export { authenticator } from './authenticator.ts'
export { identityFace } from './face.ts'
export { identityPolicy } from './policy.ts'
