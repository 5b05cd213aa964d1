import type { Diagnostics, ImageSource, ImageTarget, Instance, Progress as Percent, Vif } from '../../src/contracts/index.ts'
import type { Progress } from './driver.ts'

/** What is done to a guest where it is. Unless it says otherwise, a verb is `not_found` without a guest. */
export interface GuestVerbs {
  /**
   * Caches the image, makes the disks, defines and starts the guest; of one that runs: nothing. Leaves nothing behind
   * when it fails, be it that `progress` throws or that `signal` aborts: it is looked at before each stage and while
   * bytes are fetched.
   */
  spawn(instance: Instance, progress: Progress, signal: AbortSignal, options?: Spawn): Promise<void>
  /**
   * Ends the guest and removes its definition and files, also those set aside; of an unknown guest, removes what is
   * left. Its disks stay with `keep_disks`, when another host uses them on storage in common.
   */
  destroy(serverId: string, options?: { keep_disks: boolean }): Promise<void>

  /** Any state to running; of a guest that runs: nothing. */
  powerOn(serverId: string): Promise<void>
  /** Any state to shutdown: asks the guest to stop, for at most `timeout_s`, then ends it. */
  powerOff(serverId: string, timeout_s: number): Promise<void>
  /** Any state to running, by a fresh start at the latest. */
  reboot(serverId: string, type: 'SOFT' | 'HARD'): Promise<void>

  /** running to paused: the guest stands still in memory. Of a paused one: nothing; of any other: `failed`. */
  pause(serverId: string): Promise<void>
  /** paused to running. Of a running one: nothing; of any other: `failed`. */
  unpause(serverId: string): Promise<void>
  /**
   * running or paused to its memory saved on disk; the power state is then `suspended` or, as libvirt has it,
   * `shutdown`. Of one that is suspended: nothing. When it fails, the guest runs on.
   */
  suspend(serverId: string): Promise<void>
  /** suspended to running, where it was; of a running one: nothing. When it fails, it is suspended still. */
  resume(serverId: string): Promise<void>

  /**
   * Ends the guest, whatever its state or none, makes its disks anew from `instance.image`, and starts it unless
   * `power_on` is false. Ports and console stay; ephemeral disks stay with `preserve_ephemeral`. When it fails before
   * the image is there (`bad_image`, `unavailable`, an aborted `signal`), the guest is as it was; later, what there is
   * of it is good for another rebuild or a destroy only.
   */
  rebuild(instance: Instance, progress: Progress, signal: AbortSignal, options: Rebuild): Promise<void>

  /**
   * running or shutdown to running from a fresh disk of `image`, with the guest's own root disk as the second one and
   * `instance.admin_password` to log in with. The definition from before is kept. Of one in rescue: nothing. When it
   * fails, the guest is defined as before, and off.
   */
  rescue(instance: Instance, image: ImageSource, signal: AbortSignal): Promise<void>
  /** Back to the definition from before, running; what the rescue made is removed. Of one not in rescue: powers it on. */
  unrescue(serverId: string): Promise<void>

  /**
   * Uploads the guest's root disk to `target` as one flattened image of `target.disk_format`. The guest, in any state,
   * is as it was afterwards, also when it fails or `signal` aborts; then nothing stays on the host, and what arrived at
   * the image service is for that to discard. Done again, it uploads again.
   */
  snapshot(serverId: string, target: ImageTarget, progress: ImageProgress, signal: AbortSignal): Promise<void>

  /** In a running guest, by its agent; `unsupported` where none answers. The state does not change. */
  changePassword(serverId: string, adminPassword: string): Promise<void>
  /** Has a running or paused guest dump its memory, by an NMI. The state does not change. */
  crashDump(serverId: string): Promise<void>

  /** Plugs the port in, at once where the guest runs, and for later starts. Of one that is there: nothing. */
  attachInterface(serverId: string, vif: Vif): Promise<void>
  /** Takes the port out, now and for later starts. Of one that is not there: nothing. When it fails, it is in still. */
  detachInterface(serverId: string, portId: string): Promise<void>

  diagnostics(serverId: string): Promise<Diagnostics>
}

/** Absent options: started, on disks of its own. */
export interface Spawn {
  readonly power_on?: boolean | undefined
  readonly reuse_disks?: boolean | undefined
}

export interface Rebuild {
  readonly preserve_ephemeral: boolean
  readonly power_on: boolean
}

/** Told as the stages `snapshot` and `upload` begin, and now and then of their percent. */
export type ImageProgress = (progress: Percent & { stage: 'snapshot' | 'upload' }) => void
