import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../kernel/index.ts'

/** Header under which a compute host shows its permission. */
export const GRANT_HEADER = 'x-image-grant'

/** Long enough to wait in a host's queue and to download; a host that was too slow asks for the command again. */
const GRANT_LIFETIME_S = 3600

/** What a permission is for: one of them never stands for the other. */
export type GrantedRight = 'download' | 'upload'

export interface Grants {
  /** Permission for whoever holds it to do this with this one image, for an hour. */
  issue(imageId: string, right?: GrantedRight): string
  /** True for a permission of ours, about this image and right, that has not expired. */
  verify(imageId: string, grant: string, right?: GrantedRight): boolean
}

/**
 * Compute hosts have no token of the user and should not: what a host may fetch is decided where the build is, and
 * signed as `<expiry>.<hmac>`.
 */
export function createGrants(key: Uint8Array, clock: Clock): Grants {
  const sign = (right: GrantedRight, imageId: string, expiry: number) =>
    createHmac('sha256', key).update(`image-${right}\n${imageId}\n${expiry}`).digest()
  return {
    issue(imageId, right = 'download') {
      const expiry = Math.floor(clock.now() / 1000) + GRANT_LIFETIME_S
      return `${expiry}.${sign(right, imageId, expiry).toString('base64url')}`
    },
    verify(imageId, grant, right = 'download') {
      const parts = /^(\d{1,12})\.([\w-]{43})$/.exec(grant)
      if (!parts) return false
      const expiry = Number(parts[1])
      const matches = timingSafeEqual(sign(right, imageId, expiry), Buffer.from(parts[2]!, 'base64url'))
      return matches && expiry > clock.now() / 1000
    },
  }
}
