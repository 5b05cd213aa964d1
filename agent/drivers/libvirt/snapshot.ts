import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { ImageTarget } from '../../../src/contracts/index.ts'
import { checkGuestDisk, convertDisk, type DiskFile, uploadImage } from '../../images/index.ts'
import type { ImageProgress } from '../driver.ts'
import { ROOT } from './guest-disks.ts'
import { guestFiles } from './guest-files.ts'
import type { Hypervisor } from './hypervisor.ts'
import { copyRunningDisk } from './live-copy.ts'
import { ended } from './lifecycle.ts'

/** `instances/snapshots`, where copies are made; each host of a shared directory under names of its own. */
const directoryOf = (instances_path: string): string => join(instances_path, 'snapshots')
const prefixOf = (host: string): string => `${createHash('sha1').update(host).digest('hex').slice(0, 8)}-`

/** The driver's `snapshot`. */
export async function snapshotGuest(
  hypervisor: Hypervisor,
  serverId: string,
  target: ImageTarget,
  progress: ImageProgress,
  signal: AbortSignal,
): Promise<void> {
  const { guests, host, instances_path } = hypervisor
  const dom = await guests.get(serverId)
  const files = guestFiles(instances_path, serverId)
  const disk: DiskFile = { path: files.path(ROOT), format: (await files.disks()).get(ROOT) ?? 'qcow2' }
  progress({ stage: 'snapshot', percent: 0 })
  const base_directory = hypervisor.images.directory
  const facts = await checkGuestDisk({ ...disk, base_directory })

  await mkdir(directoryOf(instances_path), { recursive: true, mode: 0o755 })
  const work = await mkdtemp(join(directoryOf(instances_path), prefixOf(host.host)))
  try {
    const runs = !ended(await guests.state(dom))
    const still = runs ? await copyRunningDisk(hypervisor, dom, disk, facts, join(work, 'delta'), signal) : disk
    if (runs) await checkGuestDisk({ ...still, base_directory })
    const image: DiskFile = { path: join(work, 'image'), format: target.disk_format }
    await convertDisk(still, image, signal, { onProgress: whole((percent) => progress({ stage: 'snapshot', percent })) })
    progress({ stage: 'upload', percent: 0 })
    await uploadImage(image.path, target, (percent) => progress({ stage: 'upload', percent }), signal)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** Removes what snapshots left that this host's agent was cut off in. */
export async function removeUnfinishedSnapshots(instances_path: string, host: string): Promise<void> {
  const directory = directoryOf(instances_path)
  for (const name of await readdir(directory).catch(() => [])) {
    if (name.startsWith(prefixOf(host))) await rm(join(directory, name), { recursive: true, force: true })
  }
}

/** Tells whole percents only, and each once. */
function whole(tell: (percent: number) => void): (percent: number) => void {
  let told = -1
  return (percent) => {
    const floor = Math.floor(percent)
    if (floor !== told) tell((told = floor))
  }
}
