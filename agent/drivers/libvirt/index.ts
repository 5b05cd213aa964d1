import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import manifest from '../../../package.json' with { type: 'json' }
import { type Clock, systemClock } from '../../../src/kernel/index.ts'
import type { Logger } from '../../../src/platform/log/index.ts'
import { createImageCache, QemuImgError, qemuImgVersion } from '../../images/index.ts'
import { createLibvirt, LibvirtUnavailable } from '../../libvirt/index.ts'
import { type Driver, DriverError } from '../driver.ts'
import { lackingVerbs } from '../lacking.ts'
import { machineUptime } from '../uptime.ts'
import { cacheKeeper } from './cache-keeper.ts'
import type { DomainHost } from './domain-xml.ts'
import { consoleAddress, openConsole } from './console.ts'
import { asDriverErrors } from './failure.ts'
import { diskCacheMode, guestFiles, removeInterrupted } from './guest-files.ts'
import { guestVerbs } from './guest-verbs.ts'
import { createGuests } from './guests.ts'
import { readHostFacts, readInventory } from './host.ts'
import type { Hypervisor, Nics } from './hypervisor.ts'
import { movingVerbs } from './moving-verbs.ts'
import type { LibvirtDriverOptions } from './options.ts'
import { createRemovals } from './removals.ts'
import { noteAll, runningGuests } from './running-guests.ts'
import { removeUnfinishedSnapshots } from './snapshot.ts'
import { removeGuest } from './spawn.ts'
import { chooseVirtType } from './virt-type.ts'

export type { Nics } from './hypervisor.ts'
export type { GuestOptions, LibvirtDriverOptions } from './options.ts'

export interface LibvirtDriverDeps {
  readonly config: LibvirtDriverOptions
  readonly log: Logger
  readonly clock?: Clock
  /** Without it guests have no network card. */
  readonly nics?: Nics
}

/**
 * The driver that runs guests on QEMU through this host's libvirt, with files where Nova has them. It sees only the
 * domains that it made itself, on a host of this name.
 *
 * @throws {TypeError} when `connection_uri` is not one of a local QEMU.
 */
export function createLibvirtDriver(deps: LibvirtDriverDeps): Driver {
  const { config, log, nics = null, clock = systemClock } = deps
  const { host, instances_path } = config
  const uri = config.libvirt.connection_uri
  const libvirt = createLibvirt({
    uri,
    log,
    clock,
    listener: {
      event: (event) => guests.event(event),
      connected() {
        void guests.resync()
        removals.retry()
      },
    },
  })
  const slow = createLibvirt({ uri, log, clock })
  const guests = createGuests(libvirt, { host, log })
  const images = createImageCache({
    directory: join(instances_path, '_base'),
    host,
    force_raw: config.force_raw_images,
    log,
  })
  const keeper = cacheKeeper({ host, instances_path, options: config.image_cache, clock, log })
  const removals = createRemovals((serverId) => removeGuest({ slow, guests, instances_path }, serverId), { clock, log })
  const parts = { libvirt, slow, guests, images, instances_path, nics, removals, options: config.guest, clock, log }
  const running = runningGuests(config.state_path, log)
  guests.onPower(running.note)
  let prepared: Hypervisor | undefined

  function ready(): Hypervisor {
    if (!prepared) throw new DriverError('The hypervisor is not ready.', { kind: 'unavailable' })
    return prepared
  }

  async function prepare(): Promise<Hypervisor> {
    await mkdir(instances_path, { recursive: true, mode: 0o755 })
    await images.open()
    await removeInterrupted(instances_path)
    await removeUnfinishedSnapshots(instances_path, host)
    await qemuImgVersion()
    const facts = await readHostFacts(libvirt)
    const virt_type = await chooseVirtType(libvirt, facts, config)
    const { hypervisor_version, libvirt_version } = facts
    log.info({ virt_type, libvirt_version, hypervisor_version }, 'guests run on libvirt')
    const domainHost: DomainHost = {
      host,
      version: manifest.version,
      virt_type,
      cpu_mode: config.libvirt.cpu_mode,
      libvirt_version,
      disk_cache: await diskCacheMode(instances_path),
      vnc: config.vnc,
    }
    const hypervisor = { ...parts, host: domainHost }
    if (config.resume_guests_state_on_host_boot) await running.resume(hypervisor)
    await noteAll(guests, running)
    return hypervisor
  }

  const { forget, close: withdrawAll, ...cold } = movingVerbs(ready, config.my_ip)
  const verbs = guestVerbs(ready, parts, config.libvirt)

  return {
    ...lackingVerbs(),
    ...verbs,
    ...cold,
    name: 'libvirt',

    async destroy(serverId, options) {
      forget(serverId)
      await verbs.destroy(serverId, options)
    },

    async open() {
      try {
        prepared = await prepare()
        keeper.start()
      } catch (error) {
        throw asMissing(error)
      }
    },

    async close() {
      keeper.stop()
      removals.stop()
      withdrawAll()
      libvirt.close()
      slow.close()
    },

    inventory: () =>
      asDriverErrors('The host could not be measured.', async () =>
        readInventory(libvirt, await readHostFacts(libvirt), { ...ready().host, instances_path }),
      ),

    // Guests run on the machine of the agent: `connection_uri` is checked to be a local one.
    uptime: () => machineUptime(new Date(clock.now())),

    guests: () =>
      asDriverErrors('The guests could not be listed.', async () =>
        (await guests.list()).map(({ domain, power_state }) => ({ server_id: domain.uuid, power_state })),
      ),

    powerState: (serverId) =>
      asDriverErrors('The power state of the guest could not be read.', async () => {
        const domain = await guests.find(serverId)
        return domain ? guests.state(domain) : 'nostate'
      }),

    cacheImage: (image, signal) =>
      asDriverErrors('The image could not be fetched.', async () => {
        await images.base(image, Number.MAX_SAFE_INTEGER, signal)
      }),

    consoleOutput: (serverId, lines) =>
      asDriverErrors('The console log of the guest could not be read.', async () => {
        await guests.get(serverId)
        return guestFiles(instances_path, serverId).console(lines)
      }),

    consoleAddress: (serverId, kind) =>
      asDriverErrors('The console of the guest could not be found.', async () =>
        consoleAddress(libvirt, await guests.get(serverId), kind),
      ),

    openConsole: (serverId, kind, events) =>
      asDriverErrors('The console of the guest could not be opened.', async () =>
        openConsole(libvirt, await guests.get(serverId), kind, events, config.network_namespace),
      ),

    onPower: (callback) => guests.onPower(callback),
  }
}

/** What an operator has to see to before guests can run here. */
function asMissing(cause: unknown): DriverError {
  if (cause instanceof DriverError) return cause
  if (cause instanceof LibvirtUnavailable) return new DriverError(cause.message, { kind: 'unavailable', cause })
  if (cause instanceof QemuImgError) {
    return new DriverError('qemu-img does not run here; Debian has it in qemu-utils', { kind: 'unavailable', cause })
  }
  const what = cause instanceof Error ? cause.message : String(cause)
  return new DriverError(`the libvirt driver cannot start: ${what}`, { kind: 'unavailable', cause })
}
