export { networkFace, type NetworkFaceOptions } from './face.ts'
export { networkPolicy } from './policy.ts'
