import { readFile } from 'node:fs/promises'
import { loadavg, uptime } from 'node:os'

export interface Uptime {
  readonly now: Date
  readonly up_s: number
  readonly users: number
  /** Over 1, 5 and 15 minutes. */
  readonly load: readonly number[]
}

/** ` 08:32:11 up 93 days, 18:25, 12 users,  load average: 0.20, 0.12, 0.14`: the form of procps, which clients parse. */
export function uptimeText({ now, up_s, users, load }: Uptime): string {
  const minutes = Math.floor(up_s / 60)
  const [days, hours, rest] = [Math.floor(minutes / 1440), Math.floor(minutes / 60) % 24, minutes % 60]
  const up = [
    ...(days > 0 ? [days === 1 ? '1 day' : `${days} days`] : []),
    hours > 0 ? `${hours}:${String(rest).padStart(2, '0')}` : `${rest} min`,
  ]
  const averages = load.map((each) => each.toFixed(2)).join(', ')
  return ` ${now.toTimeString().slice(0, 8)} up ${up.join(', ')}, ${users} user${users === 1 ? '' : 's'},  load average: ${averages}`
}

/** Of the machine that this process runs on. */
export async function machineUptime(now: Date): Promise<string> {
  return uptimeText({ now, up_s: uptime(), users: await loggedIn(), load: loadavg() })
}

/** A record of utmp(5) on 64-bit Linux, and the type of a user's session, which stands first in it. */
const RECORD_BYTES = 384
const USER_PROCESS = 7

/** Users with a session. Nobody where the system keeps no such file. */
async function loggedIn(): Promise<number> {
  const records = await readFile('/run/utmp').catch(() => Buffer.alloc(0))
  let users = 0
  for (let at = 0; at + RECORD_BYTES <= records.length; at += RECORD_BYTES) {
    if (records.readInt16LE(at) === USER_PROCESS) users++
  }
  return users
}
