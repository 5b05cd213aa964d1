export { withProperties } from './attributes.ts'
export { imageFace, type ImageFacePorts } from './face.ts'
export { imagePolicy } from './policy.ts'
