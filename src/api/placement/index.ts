export { placementFace, type PlacementFaceOptions } from './face.ts'
export { placementPolicy } from './policy.ts'
