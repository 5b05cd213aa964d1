export { openDiskSource, type DiskSource } from './fetch-disk.ts'
export { type Offering, offerDisks } from './offer.ts'
