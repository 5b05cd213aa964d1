import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isUuid } from '../../../src/kernel/index.ts'
import type { Logger } from '../../../src/platform/log/index.ts'
import type { GuestState } from '../driver.ts'
import type { Guests } from './guests.ts'
import type { Hypervisor } from './hypervisor.ts'
import { ended, startGuest } from './lifecycle.ts'

/**
 * Which guests ran when this host was last seen: an empty file for each. After a loss of power they are those that are
 * to run again; a guest that stopped while somebody looked is none of them.
 */
export interface RunningGuests {
  /** Takes note of what has become of a guest. */
  note(guest: GuestState): void
  /** Starts those that ran and do not any more. One that cannot be started is only logged. */
  resume(host: Pick<Hypervisor, 'slow' | 'guests'>): Promise<void>
}

export function runningGuests(state_path: string, log: Logger): RunningGuests {
  const directory = join(state_path, 'running')
  let noted: Promise<void> = Promise.resolve()

  async function keep({ server_id, power_state }: GuestState): Promise<void> {
    if (power_state !== 'running') return rm(join(directory, server_id), { force: true })
    await mkdir(directory, { recursive: true, mode: 0o700 })
    await writeFile(join(directory, server_id), '')
  }

  return {
    note(guest) {
      noted = noted
        .then(() => keep(guest))
        .catch((err: unknown) => log.warn({ err, instance: guest.server_id }, 'could not note whether a guest runs'))
    },

    async resume(host) {
      const ran = new Set((await readdir(directory).catch(() => [])).filter(isUuid))
      for (const { domain, power_state } of await host.guests.list()) {
        if (!ended(power_state) || !ran.has(domain.uuid)) continue
        try {
          await startGuest(host, domain)
          log.info({ instance: domain.uuid }, 'the guest ran before the host went down: it runs again')
        } catch (err) {
          log.error({ err, instance: domain.uuid }, 'the guest ran before the host went down, and cannot be started')
        }
      }
    },
  }
}

/** Guests as they are now, for those whose changes nobody saw. */
export async function noteAll(guests: Guests, running: RunningGuests): Promise<void> {
  for (const { domain, power_state } of await guests.list()) running.note({ server_id: domain.uuid, power_state })
}
