import {
  BLOCK_COPY_REUSE_EXT,
  BLOCK_COPY_SHALLOW,
  BLOCK_COPY_TRANSIENT_JOB,
  type Domain,
  isLibvirtError,
} from '../../libvirt/index.ts'
import { createOverlay, type DiskFile, formatOfBase, type GuestDiskFacts } from '../../images/index.ts'
import { DriverError } from '../driver.ts'
import type { Hypervisor } from './hypervisor.ts'
import { element, renderXml } from './xml.ts'

const POLL_MS = 100
/** Of the copy as a whole: a guest that writes faster than the host's disk takes is never caught up with. */
const COPY_DEADLINE_MS = 1_800_000
const CALL_DEADLINE_MS = 120_000

/** Every guest's root disk. */
const DEVICE = 'vda'

/**
 * Copies the root disk of a running guest as it is at one moment: QEMU mirrors it, and lets go of the copy when the two
 * are the same. What the disk stands on is not copied.
 * @throws {DriverError}; the guest runs on, whatever happens.
 */
export async function copyRunningDisk(
  host: Pick<Hypervisor, 'slow' | 'clock' | 'log'>,
  dom: Domain,
  disk: DiskFile,
  facts: GuestDiskFacts,
  path: string,
  signal: AbortSignal,
): Promise<DiskFile> {
  const { slow } = host
  const { backing_file, virtual_size_bytes } = facts
  const within = { deadline_ms: CALL_DEADLINE_MS }
  // Of an earlier snapshot that was cut off.
  await letGo(host, dom)
  if (backing_file !== null) {
    await createOverlay(path, { path: backing_file, format: formatOfBase(backing_file) }, virtual_size_bytes)
  }
  const flags = backing_file === null ? BLOCK_COPY_TRANSIENT_JOB : BLOCK_COPY_TRANSIENT_JOB | BLOCK_COPY_SHALLOW | BLOCK_COPY_REUSE_EXT
  const destxml = renderXml(
    element('disk', { type: 'file' }, element('source', { file: path }), element('driver', { type: disk.format })),
  )
  try {
    await slow.call('domainBlockCopy', { dom, path: DEVICE, destxml, params: [], flags }, within)
    await caughtUp(host, dom, signal)
  } finally {
    await letGo(host, dom)
  }
  return { path, format: disk.format }
}

async function caughtUp({ slow, clock }: Pick<Hypervisor, 'slow' | 'clock'>, dom: Domain, signal: AbortSignal): Promise<void> {
  const deadline = clock.now() + COPY_DEADLINE_MS
  for (;;) {
    signal.throwIfAborted()
    const { found, cur, end } = await slow.call('domainGetBlockJobInfo', { dom, path: DEVICE, flags: 0 })
    if (found === 0) throw new DriverError("The copy of the guest's disk ended early.")
    if (end > 0n && cur === end) return
    if (clock.now() > deadline) throw new DriverError("The guest writes to its disk faster than it can be copied.")
    await clock.sleep(POLL_MS, signal)
  }
}

/** Ends the mirroring, where there is any. */
async function letGo({ slow, log }: Pick<Hypervisor, 'slow' | 'log'>, dom: Domain): Promise<void> {
  try {
    const { found } = await slow.call('domainGetBlockJobInfo', { dom, path: DEVICE, flags: 0 })
    if (found !== 0) await slow.call('domainBlockJobAbort', { dom, path: DEVICE, flags: 0 }, { deadline_ms: CALL_DEADLINE_MS })
  } catch (err) {
    // The guest ended meanwhile, and the job with it.
    if (!isLibvirtError(err)) throw err
    log.debug({ err, instance: dom.uuid }, 'no mirroring to end')
  }
}
