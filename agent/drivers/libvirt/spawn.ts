import type { Instance } from '../../../src/contracts/index.ts'
import type { Logger } from '../../../src/platform/log/index.ts'
import type { ImageCache } from '../../images/index.ts'
import { type Domain, isLibvirtError, type Libvirt, LibvirtError, UNDEFINE_ALL } from '../../libvirt/index.ts'
import { DriverError, type Progress, type SpawnStage } from '../driver.ts'
import { type DomainHost, domainXml } from './domain-xml.ts'
import { guestFiles } from './guest-files.ts'
import type { Guests } from './guests.ts'
import { endGuest, ended, startGuest } from './power.ts'

const GIB = 1024 ** 3
const DEFINE_DEADLINE_MS = 60_000

/** What building a guest takes of the host. */
export interface Builder {
  /** The connection for calls that take long. */
  readonly slow: Libvirt
  readonly guests: Guests
  readonly images: ImageCache
  readonly instances_path: string
  readonly host: DomainHost
  readonly log: Logger
}

/** The driver's `spawn`; @throws whatever fails, with nothing left of the guest. */
export async function spawnGuest(
  builder: Builder,
  instance: Instance,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const { guests, log } = builder
  const existing = await guests.find(instance.server_id)
  if (existing && !ended(await guests.state(existing))) return
  const enter = (stage: SpawnStage): void => {
    signal.throwIfAborted()
    progress(stage)
  }
  try {
    // A guest that is defined has its disk: an earlier build got as far as that.
    const domain = existing ?? (await defineGuest(builder, instance, enter, signal))
    enter('start')
    await startGuest(builder, domain)
    signal.throwIfAborted()
  } catch (error) {
    await destroyGuest(builder, instance.server_id).catch((err: unknown) =>
      log.warn({ err, instance: instance.server_id }, 'could not remove what a failed build left'),
    )
    if (error instanceof LibvirtError) throw refused(error)
    throw error
  }
}

/** The domain is the driver's own making, so what stops it from running is something about this host. */
const refused = (cause: LibvirtError): DriverError =>
  new DriverError('The hypervisor could not start the guest.', { kind: 'unavailable', cause })

async function defineGuest(
  builder: Builder,
  instance: Instance,
  enter: (stage: SpawnStage) => void,
  signal: AbortSignal,
): Promise<Domain> {
  const { slow, images, instances_path, host } = builder
  const { image, flavor } = instance
  if (!image) throw new DriverError('A server without an image has no disk to boot from.', { kind: 'bad_image' })
  enter('image')
  const largest_bytes = flavor.root_gb > 0 ? flavor.root_gb * GIB : Number.POSITIVE_INFINITY
  const base = await images.base(image, largest_bytes, signal)
  enter('disk')
  const files = guestFiles(instances_path, instance.server_id)
  await files.create(base, flavor.root_gb > 0 ? flavor.root_gb * GIB : base.virtual_size_bytes)
  enter('define')
  const xml = domainXml(instance, host, files)
  await files.keepXml(xml)
  return (await slow.call('domainDefineXmlFlags', { xml, flags: 0 }, { deadline_ms: DEFINE_DEADLINE_MS })).dom
}

/** The driver's `destroy`. */
export async function destroyGuest(
  builder: Pick<Builder, 'slow' | 'guests' | 'instances_path'>,
  serverId: string,
): Promise<void> {
  const { slow, guests, instances_path } = builder
  const dom = await guests.find(serverId)
  if (dom) {
    await endGuest(builder, dom)
    await slow.call('domainUndefineFlags', { dom, flags: UNDEFINE_ALL }).catch((error: unknown) => {
      if (!isLibvirtError(error, 'VIR_ERR_NO_DOMAIN')) throw error
    })
  }
  await guestFiles(instances_path, serverId).remove()
}
