import { createHash } from 'node:crypto'
import type { DiskFile, DiskOffer, LiveDisks, LiveTarget } from '../../../src/contracts/index.ts'
import { newHexId } from '../../../src/kernel/index.ts'
import { DriverError, type MovingVerbs } from '../driver.ts'
import { asideKey, type FakeGuest } from './guests.ts'
import { type FakeHost, newGuest, started, stopped } from './host.ts'

const GIB = 2 ** 30

/** A live migration under way: how it is called off, and how its end is brought about. */
interface Move {
  readonly off: AbortController
  readonly forced: PromiseWithResolvers<void>
}

/** How simulated guests go from one host to another: as entries in the store that the hosts of a process share. */
export function fakeMovingVerbs(host: FakeHost): MovingVerbs {
  const { existing, find, guest, opened, put, remove, suffer, shared_storage } = host
  const moves = new Map<string, Move>()

  const found: LiveDisks = shared_storage ? 'shared' : 'block'
  function agreed(storage: LiveDisks | 'auto'): LiveDisks {
    if (storage === 'auto' || storage === found) return found
    throw new DriverError(
      storage === 'shared'
        ? 'Live migration can not be used without shared storage except a booted from volume VM which does not have a local disk.'
        : 'Block migration can not be used with shared storage.',
    )
  }

  /** The guest's record on another host of this process. */
  const elsewhere = (name: string, key: string): FakeGuest | undefined => opened().of(name).get(key)

  return {
    async migrateOut(serverId) {
      await suffer('migrate_out', serverId)
      if (!find(asideKey(serverId)) || guest(serverId)) {
        const leaving = existing(serverId)
        remove(serverId)
        put({ ...stopped(leaving), place: 'aside' })
      }
      return offerOf(host.name, find(asideKey(serverId))!)
    },

    async migrateIn(instance, source, power_on, signal) {
      await suffer('migrate_in', instance.server_id, signal)
      let arrived = guest(instance.server_id)
      if (!arrived) {
        const from = source ? elsewhere(hostOf(source), asideKey(instance.server_id)) : find(asideKey(instance.server_id))
        if (!source && !from) throw new DriverError('Nothing of the guest is set aside here.', { kind: 'not_found' })
        arrived = { ...newGuest(instance), ...(from ? { disk: from.disk, boots: from.boots } : {}) }
      }
      if (arrived.power_state === 'running') return
      put(power_on ? started(arrived) : stopped(arrived))
    },

    async confirmMigration(serverId) {
      await suffer('confirm_migration', serverId)
      remove(asideKey(serverId))
    },

    async revertMigration(instance, power_on) {
      const { server_id } = instance
      await suffer('revert_migration', server_id)
      const aside = find(asideKey(server_id))
      let back = guest(server_id)
      if (aside) {
        remove(asideKey(server_id))
        back = { ...aside, place: 'here' }
      }
      if (!back) throw new DriverError('Nothing of the guest is set aside here.', { kind: 'not_found' })
      if (aside || (back.power_state === 'running') !== power_on) put(power_on ? started(back) : stopped(back))
    },

    disks: async (serverId) => [diskOf(existing(serverId))],

    async livePrepare(instance, _disks, storage, signal) {
      const { server_id } = instance
      await suffer('live_prepare', server_id, signal)
      agreed(storage)
      if (guest(server_id)) throw new DriverError('The guest is here already.')
      if (!find(server_id)) put({ ...newGuest(instance), place: 'arriving' })
      return { connection_uri: 'fake:///system', migrate_uri: 'fake://', settings: { host: host.name } }
    },

    async liveMigrate(serverId, target, storage, progress, signal) {
      const leaving = find(serverId)
      if (leaving?.place === 'left') return found
      const { memory_mb, power_state } = existing(serverId)
      if (power_state !== 'running' && power_state !== 'paused') throw new DriverError(`The guest is ${power_state}.`)
      const move: Move = { off: new AbortController(), forced: Promise.withResolvers<void>() }
      moves.set(serverId, move)
      try {
        progress({ stage: 'prepare', percent: 0 })
        agreed(storage)
        const memory_total_bytes = memory_mb * 2 ** 20
        progress({
          stage: 'running',
          percent: 0,
          memory_total_bytes,
          memory_processed_bytes: 0,
          memory_remaining_bytes: memory_total_bytes,
        })
        const copying = suffer('live_migrate', serverId, AbortSignal.any([signal, move.off.signal]))
        copying.catch(() => {})
        await Promise.race([copying, move.forced.promise])
      } finally {
        moves.delete(serverId)
      }
      arrive(existing(serverId), target)
      remove(serverId)
      put({ ...stopped(existingOr(leaving)), place: 'left' })
      return found
    },

    async liveFinish(instance) {
      await suffer('live_finish', instance.server_id)
      const arrived = find(instance.server_id)
      if (arrived?.place === 'here') return
      put({ ...(arrived ?? newGuest(instance)), power_state: 'running', boots: Math.max(arrived?.boots ?? 0, 1), place: 'here' })
    },

    async liveRollback(serverId) {
      await suffer('live_rollback', serverId)
      if (find(serverId)?.place === 'arriving') remove(serverId)
    },

    async liveAbort(serverId) {
      await suffer('live_abort', serverId)
      moves.get(serverId)?.off.abort(new DriverError('The live migration was called off.'))
    },

    async liveForceComplete(serverId) {
      await suffer('live_force_complete', serverId)
      const move = moves.get(serverId)
      if (!move) throw new DriverError('The guest is not being migrated.', { kind: 'not_found' })
      move.forced.resolve()
    },
  }

  /** Where the destination is a host of this process, the guest goes on there as it is. */
  function arrive(guest: FakeGuest, target: LiveTarget): void {
    const destination = target.settings?.host
    const place = destination === undefined ? undefined : elsewhere(destination, guest.server_id)
    if (destination !== undefined && place) opened().set(destination, { ...guest, place: 'here' })
  }
}

function existingOr(guest: FakeGuest | undefined): FakeGuest {
  if (!guest) throw new DriverError('There is no such guest.', { kind: 'not_found' })
  return guest
}

const diskOf = ({ root_gb }: FakeGuest): DiskFile => ({
  name: 'disk',
  format: 'qcow2',
  size_bytes: 0,
  virtual_size_bytes: root_gb * GIB,
})

const offerOf = (host: string, guest: FakeGuest): DiskOffer => ({
  url: `https://${encodeURIComponent(host)}.invalid/${guest.server_id}`,
  secret: newHexId(),
  certificate_sha256: createHash('sha256').update(host).digest('hex'),
  disks: [diskOf(guest)],
})

const hostOf = ({ url }: DiskOffer): string => decodeURIComponent(url.slice('https://'.length).replace(/\.invalid\/.*$/, ''))
