import { expect } from 'bun:test'
import type { ImageSource, ImageTarget, Instance } from '../../src/contracts/index.ts'
import { type Driver, DriverError } from './driver.ts'

/** A driver on a host of its own, and what the suite must know to try it. */
export interface DriverUnderTest {
  /** Not opened yet. */
  readonly driver: Driver
  /** An instance that the driver can spawn; it has a fresh server id unless `overrides` gives one. */
  instance(overrides?: Partial<Instance>): Instance
  /** Images that must be refused, each under what is wrong with it. They go with the flavor of `instance()`. */
  readonly bad_images: Readonly<Record<string, ImageSource>>
  /** What a guest of `instance` has written on its console soon after it was started. */
  consoleText(instance: Instance): string
  /** A second driver on the same host, not opened: as after a restart of the agent. */
  reopen(): Driver
  /** Names the files and domains on the host that belong to no guest of `driver.guests()`; caches are no leftovers. */
  leftovers(): Promise<string[]>
  /** An image that can be booted, to rescue with or to rebuild from; it goes with the flavor of `instance()`. */
  image(): ImageSource
  /** Where an image can be uploaded to, and whether a whole one of that format has arrived there. */
  upload(): { target: ImageTarget; arrived(): Promise<boolean> }
  /** Another host, opened, that guests of the first can migrate to; needed for `migrate` and `liveMigrate`. */
  other?(): Promise<Driver>
  cleanup(): Promise<void>
}

/** The longest a guest may take over what it does by itself: boot, write on its console, heed a power button. */
export const GUEST_DEADLINE_S = 60

/** What each part of the suite works with; `lab` and `driver` are there while a test runs. */
export interface Suite {
  lab(): DriverUnderTest
  driver(): Driver
  promise(what: string, body: () => Promise<void>): void
  /** Runs `body` with a guest that is gone afterwards, with nothing left of it. */
  withGuest(body: (instance: Instance) => Promise<void>): Promise<void>
  expectNothingOf(serverId: string): Promise<void>
  consoleHas(instance: Instance): Promise<boolean>
}

export const ignore = (): void => {}
export const NEVER = new AbortController().signal

/** What a verb fails with; that it does, and with a `DriverError`, is part of the promise. */
export async function failure(verb: Promise<unknown>): Promise<DriverError> {
  const outcome = await verb.then(
    () => 'it succeeded',
    (error: unknown) => error,
  )
  expect(outcome).toBeInstanceOf(DriverError)
  return outcome as DriverError
}

/** Waits until `holds`; what a guest does by itself takes as long as it takes, within `GUEST_DEADLINE_S`. */
export async function eventually(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + GUEST_DEADLINE_S * 1000
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within ${GUEST_DEADLINE_S} s: ${what}`)
    await Bun.sleep(20)
  }
}
