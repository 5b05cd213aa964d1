export { makeTinyImage } from './tiny-guest.ts'
export { writeQcow2 } from './qcow2.ts'
