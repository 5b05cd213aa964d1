import type {
  DiskFile,
  DiskOffer,
  Instance,
  LiveDisks,
  LiveTarget,
  Progress as Sums,
} from '../../src/contracts/index.ts'

/** How a guest goes from one host to another. Each verb says on which of the two it is done. */
export interface MovingVerbs {
  /**
   * Source. Stops the guest (as `powerOff` does), removes its definition and sets its files aside as `<uuid>_resize`.
   * Answers how they can be fetched, as long as they are there; asked again, it answers afresh. The guest is not among
   * `guests()` afterwards and its power state is `nostate`. When it fails before the files are set aside, the guest is
   * there as before, on or off. Without a guest and without files set aside: `not_found`.
   */
  migrateOut(serverId: string, timeout_s: number): Promise<DiskOffer>
  /**
   * Destination. Fetches the disks from `source` (null: set aside on this very host), grows the root disk to
   * `instance.flavor`, defines the guest, and starts it where `power_on`. Of one that is there already: only that.
   * When it fails or `signal` aborts nothing of it is left here, and what is set aside is untouched.
   */
  migrateIn(instance: Instance, source: DiskOffer | null, power_on: boolean, signal: AbortSignal): Promise<void>
  /** Source. Removes what was set aside; where nothing is: nothing. The guest of a resize on this host is not touched. */
  confirmMigration(serverId: string): Promise<void>
  /**
   * Source. Puts back what was set aside, as the guest of `instance` with the old flavor, on or off; a guest that the
   * resize made on this very host is removed before. Where nothing is set aside: powers the guest on or leaves it. On
   * another destination `destroy` has removed the new guest before.
   */
  revertMigration(instance: Instance, power_on: boolean): Promise<void>

  /** Source. What a destination must make room for; changes nothing. `not_found` without a guest. */
  disks(serverId: string): Promise<DiskFile[]>
  /**
   * Destination. Makes ready what a guest that arrives needs: its folder, its ports, for `block` its disks with their
   * base images. Answers where the source is to send it. When it fails nothing is left here; done again, it is as once.
   */
  livePrepare(
    instance: Instance,
    disks: readonly DiskFile[],
    storage: LiveDisks | 'auto',
    signal: AbortSignal,
  ): Promise<LiveTarget>
  /**
   * Source. Moves the running or paused guest and answers how its disks went. Afterwards it is not here any more, but
   * for files: a `destroy` follows, with `keep_disks` where they were shared. When it fails or `signal` aborts the
   * guest runs on here, and `liveRollback` at the destination removes the rest. `storage` other than what the hosts
   * find is `failed` with that reason, before anything moves. Of a guest that has gone over already: only the answer.
   */
  liveMigrate(
    serverId: string,
    target: LiveTarget,
    storage: LiveDisks | 'auto',
    progress: LiveProgress,
    signal: AbortSignal,
  ): Promise<LiveDisks>
  /** Destination. The guest has arrived: its definition is kept, what was only for the move is removed. */
  liveFinish(instance: Instance): Promise<void>
  /** Destination. Removes what `livePrepare` made; disks only where they were made for it. Twice is as once. */
  liveRollback(serverId: string): Promise<void>
  /** Source. Calls off a `liveMigrate` under way, which then fails; without one: nothing. */
  liveAbort(serverId: string): Promise<void>
  /** Source. Has a `liveMigrate` under way end soon, by a pause or post-copy; without one: `not_found`. */
  liveForceComplete(serverId: string): Promise<void>
}

/** Told at most once a second. */
export type LiveProgress = (progress: Sums & { stage: 'prepare' | 'running' | 'post-copy' }) => void
