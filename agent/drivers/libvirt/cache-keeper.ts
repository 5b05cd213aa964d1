import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Static, Type as T } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import type { Clock } from '../../../src/kernel/index.ts'
import type { Logger } from '../../../src/platform/log/index.ts'
import { removeUnusedBases } from '../../images/index.ts'
import { writeWhole } from './guest-files.ts'
import type { LibvirtDriverOptions } from './options.ts'

export interface CacheKeeperInput {
  readonly host: string
  readonly instances_path: string
  readonly options: LibvirtDriverOptions['image_cache']
  readonly clock: Clock
  readonly log: Logger
}

/** As Nova reads an interval: 0 is its default. */
const DEFAULT_INTERVAL_S = 60

/** Looks after `_base` now and then, and notes in `compute_nodes` that this host uses the directory. */
export function cacheKeeper({ host, instances_path, options, clock, log }: CacheKeeperInput): {
  start(): void
  stop(): void
} {
  const interval_ms = (options.manager_interval || DEFAULT_INTERVAL_S) * 1000
  const stopped = new AbortController()
  let started = false

  async function run(): Promise<void> {
    while (!stopped.signal.aborted) {
      await look().catch((err: unknown) => log.warn({ err }, 'could not look after the cached images'))
      await clock.sleep(interval_ms, stopped.signal)
    }
  }

  async function look(): Promise<void> {
    await register(instances_path, host, clock.now())
    if (!options.remove_unused_base_images) return
    const minimum_age_s = options.remove_unused_original_minimum_age_seconds
    await removeUnusedBases({ instances_path, minimum_age_s, now_ms: clock.now(), log })
  }

  return {
    start() {
      if (started || options.manager_interval < 0) return
      started = true
      void run()
    },
    stop: () => stopped.abort(),
  }
}

/** By host, seconds since the epoch: Nova's way to tell who shares a directory. */
const Registered = T.Record(T.String(), T.Number())

async function register(instances_path: string, host: string, now_ms: number): Promise<void> {
  const path = join(instances_path, 'compute_nodes')
  const text = await readFile(path, 'utf8').catch(() => '{}')
  const hosts: Static<typeof Registered> = { ...readOr({}, text), [host]: now_ms / 1000 }
  await writeWhole(path, JSON.stringify(hosts))
}

function readOr(otherwise: Static<typeof Registered>, text: string): Static<typeof Registered> {
  try {
    const value: unknown = JSON.parse(text)
    return Value.Check(Registered, value) ? value : otherwise
  } catch {
    return otherwise
  }
}
