import type { Instance } from '../../../src/contracts/index.ts'
import type { Progress, Rebuild, SpawnStage } from '../driver.ts'
import { defineGuest } from './define.ts'
import { makeDisks, rootBase } from './guest-disks.ts'
import { guestFiles } from './guest-files.ts'
import type { Hypervisor } from './hypervisor.ts'
import { endGuest, startGuest } from './lifecycle.ts'
import { refusedAtStart } from './spawn.ts'
import { forgetSaved } from './suspend.ts'

/** The driver's `rebuild`. Until the image is there nothing is touched; from then on there is no way back. */
export async function rebuildGuest(
  host: Hypervisor,
  instance: Instance,
  progress: Progress,
  signal: AbortSignal,
  { preserve_ephemeral, power_on }: Rebuild,
): Promise<void> {
  const { guests, instances_path } = host
  const enter = (stage: SpawnStage): void => {
    signal.throwIfAborted()
    progress(stage)
  }
  enter('image')
  const base = await rootBase(host, instance, signal)
  enter('disk')
  const dom = await guests.find(instance.server_id)
  if (dom) {
    await endGuest(host, dom)
    await forgetSaved(host, dom)
  }
  const files = guestFiles(instances_path, instance.server_id)
  await files.clear({ keep_blanks: preserve_ephemeral })
  await makeDisks(host, instance, base, files, signal, { keep: preserve_ephemeral })
  enter('define')
  const rebuilt = await defineGuest(host, instance, files)
  enter('start')
  if (!power_on) return
  try {
    await startGuest(host, rebuilt)
  } catch (error) {
    throw refusedAtStart(error)
  }
}
