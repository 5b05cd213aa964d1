import { ask, type ImageSnapshots, type ImageSources, type Planner } from './conductor/index.ts'
import type { Scheduling } from './compute/index.ts'
import {
  IMAGE_SNAPSHOTS,
  IMAGE_SOURCES,
  imageSource,
  imageSourceRequest,
  planResult,
  SCHEDULER_TOPIC,
  snapshotAnswer,
  snapshotRequest,
  WHAT_IF_TOPIC,
  whatIfResult,
} from './contracts/index.ts'
import { systemClock, unavailable } from './kernel/index.ts'
import { type Bus, BusTimeout, type Json, type Subscription } from './platform/bus/index.ts'

/** An api may be restarting; a host is not to blame for that. */
const IMAGE_SOURCE_DEADLINE_S = 120
const CONCURRENT_IMAGE_SOURCES = 64

/** The scheduler, where it is another process. */
export function remotePlanner(bus: Bus, deadline_s: number): Planner {
  return {
    plan: async (request) =>
      planResult.parse(
        await ask(bus, SCHEDULER_TOPIC, request, {
          deadline_s,
          clock: systemClock,
          silence: 'The scheduler did not answer in time.',
        }),
      ),
  }
}

/**
 * Questions to a scheduler. They take the bus also where one is in this process: it lets in only so many at a time.
 * Somebody is waiting for the answer, so there is no second try.
 */
export function remoteScheduling(bus: Bus, deadline_s: number): Scheduling {
  return {
    async whatIf(asked) {
      try {
        return whatIfResult.parse(await bus.call(WHAT_IF_TOPIC, asked as unknown as Json, { deadline_s }))
      } catch (error) {
        throw error instanceof BusTimeout ? unavailable('The scheduler did not answer in time.', error) : error
      }
    },
  }
}

/** The image service, where it is another process. */
export function remoteImages(bus: Bus): ImageSources {
  return {
    imageSource: async (image_id) =>
      imageSource.parse(
        await ask(bus, IMAGE_SOURCES, { image_id }, {
          deadline_s: IMAGE_SOURCE_DEADLINE_S,
          clock: systemClock,
          silence: 'The image service did not answer in time.',
        }),
      ),
  }
}

/** Answers those that `remoteImages` asks for. */
export function serveImages(bus: Bus, images: ImageSources): Subscription {
  return bus.serve(IMAGE_SOURCES, { concurrency: CONCURRENT_IMAGE_SOURCES }, async (request) => {
    return (await images.imageSource(imageSourceRequest.parse(request).image_id)) as Json
  })
}

/** Images made of servers, where their service is another process. */
export function remoteSnapshots(bus: Bus): ImageSnapshots {
  const tell = async (request: Json) =>
    snapshotAnswer.parse(
      await ask(bus, IMAGE_SNAPSHOTS, request, {
        deadline_s: IMAGE_SOURCE_DEADLINE_S,
        clock: systemClock,
        silence: 'The image service did not answer in time.',
      }),
    ).target
  return {
    target: (image_id) => tell({ ask: 'target', image_id }),
    discard: async (image_id) => void (await tell({ ask: 'discard', image_id })),
    rotate: async (backups) => void (await tell({ ask: 'rotate', backups })),
  }
}

/** Answers those that `remoteSnapshots` asks for. */
export function serveSnapshots(bus: Bus, snapshots: ImageSnapshots): Subscription {
  return bus.serve(IMAGE_SNAPSHOTS, { concurrency: CONCURRENT_IMAGE_SOURCES }, async (message) => {
    const request = snapshotRequest.parse(message)
    if (request.ask === 'target') return { target: (await snapshots.target(request.image_id)) as Json }
    await (request.ask === 'discard' ? snapshots.discard(request.image_id) : snapshots.rotate(request.backups))
    return { target: null }
  })
}
