import type { Instance } from '../../../src/contracts/index.ts'
import { DriverError, type GuestVerbs, SPAWN_STAGES } from '../driver.ts'
import { uploadBlankImage } from './blank-image.ts'
import type { FakeGuest } from './guests.ts'
import { asideKey } from './guests.ts'
import { type FakeHost, newGuest, refuseImage, started, stopped } from './host.ts'

/** What is done to simulated guests where they are. */
export function fakeGuestVerbs(host: FakeHost): GuestVerbs {
  const { existing, guest, put, remove, suffer } = host

  async function stages(
    verb: 'spawn' | 'rebuild',
    instance: Instance,
    progress: (stage: (typeof SPAWN_STAGES)[number]) => void,
    signal: AbortSignal,
  ): Promise<void> {
    for (const stage of SPAWN_STAGES) {
      signal.throwIfAborted()
      progress(stage)
      await suffer(`${verb}/${stage}`, instance.server_id, signal)
      if (stage === 'image') refuseImage(instance)
    }
  }

  /** From one power state to another; in the second already: nothing. */
  function move(serverId: string, from: FakeGuest['power_state'][], to: FakeGuest['power_state']): void {
    const found = existing(serverId)
    if (found.power_state === to) return
    if (!from.includes(found.power_state)) throw new DriverError(`The guest is ${found.power_state}.`)
    put(stopped(found, to))
  }

  return {
    async spawn(instance, progress, signal, { power_on = true } = {}) {
      await suffer('spawn', instance.server_id, signal)
      const found = guest(instance.server_id)
      if (found) {
        if (power_on && found.power_state !== 'running') put(started(found))
        return
      }
      await stages('spawn', instance, progress, signal)
      put(power_on ? started(newGuest(instance)) : stopped(newGuest(instance)))
    },

    async destroy(serverId) {
      await suffer('destroy', serverId)
      remove(asideKey(serverId))
      remove(serverId)
    },

    async powerOn(serverId) {
      await suffer('power_on', serverId)
      const found = existing(serverId)
      if (found.power_state !== 'running') put(started(found))
    },

    async powerOff(serverId) {
      await suffer('power_off', serverId)
      const found = existing(serverId)
      if (found.power_state !== 'shutdown') put(stopped(found))
    },

    async reboot(serverId) {
      await suffer('reboot', serverId)
      put(started(existing(serverId)))
    },

    async pause(serverId) {
      await suffer('pause', serverId)
      move(serverId, ['running'], 'paused')
    },

    async unpause(serverId) {
      await suffer('unpause', serverId)
      move(serverId, ['paused'], 'running')
    },

    async suspend(serverId) {
      await suffer('suspend', serverId)
      move(serverId, ['running', 'paused'], 'suspended')
    },

    async resume(serverId) {
      await suffer('resume', serverId)
      move(serverId, ['suspended'], 'running')
    },

    async rebuild(instance, progress, signal, { power_on }) {
      await suffer('rebuild', instance.server_id, signal)
      await stages('rebuild', instance, progress, signal)
      put(power_on ? started(newGuest(instance)) : stopped(newGuest(instance)))
    },

    async rescue(instance, image, signal) {
      await suffer('rescue', instance.server_id, signal)
      const found = existing(instance.server_id)
      if (found.rescued) return
      refuseImage({ ...instance, image })
      put({ ...started(found), rescued: true })
    },

    async unrescue(serverId) {
      await suffer('unrescue', serverId)
      const found = existing(serverId)
      if (found.rescued || found.power_state !== 'running') put({ ...started(found), rescued: false })
    },

    async snapshot(serverId, target, progress, signal) {
      const { root_gb } = existing(serverId)
      progress({ stage: 'snapshot', percent: 0 })
      await suffer('snapshot', serverId, signal)
      progress({ stage: 'upload', percent: 0 })
      await uploadBlankImage(target, root_gb, signal)
      progress({ stage: 'upload', percent: 100 })
    },

    async changePassword(serverId) {
      await suffer('change_password', serverId)
      if (existing(serverId).power_state !== 'running') throw new DriverError('The guest does not run.')
    },

    async crashDump(serverId) {
      await suffer('crash_dump', serverId)
      const { power_state } = existing(serverId)
      if (power_state !== 'running' && power_state !== 'paused') throw new DriverError('The guest does not run.')
    },

    async attachInterface(serverId, { port_id, mac_address }) {
      await suffer('attach_interface', serverId)
      const found = existing(serverId)
      const others = found.vifs.filter((vif) => vif.port_id !== port_id)
      put({ ...found, vifs: [...others, { port_id, mac_address }] })
    },

    async detachInterface(serverId, portId) {
      await suffer('detach_interface', serverId)
      const found = existing(serverId)
      put({ ...found, vifs: found.vifs.filter((vif) => vif.port_id !== portId) })
    },

    async diagnostics(serverId) {
      const { power_state, vcpus, memory_mb, vifs } = existing(serverId)
      const runs = power_state === 'running' || power_state === 'paused'
      return {
        state: power_state,
        driver: 'fake',
        hypervisor: 'fake',
        hypervisor_os: null,
        uptime_s: runs ? Math.floor(process.uptime()) : 0,
        config_drive: false,
        memory: { maximum_mb: memory_mb, used_mb: runs ? memory_mb : 0 },
        cpus: Array.from({ length: vcpus }, (_, id) => ({ id, time_ns: 0, utilisation_percent: 0 })),
        nics: vifs.map(({ port_id, mac_address }) => ({
          device: `tap${port_id.slice(0, 11)}`,
          mac_address,
          rx_octets: 0,
          rx_packets: 0,
          rx_errors: 0,
          rx_drop: 0,
          tx_octets: 0,
          tx_packets: 0,
          tx_errors: 0,
          tx_drop: 0,
        })),
        disks: [
          { device: 'vda', read_bytes: 0, read_requests: 0, write_bytes: 0, write_requests: 0, errors: 0 },
        ],
      }
    },
  }
}
