import { type Cells, listServices, touchHosts } from '../../cells/index.ts'
import { CACHE_DEADLINE_S, CACHE_IMAGE, insertTasks } from '../../conductor/index.ts'
import { badRequest, conflict, newId, notFound, type RequestContext } from '../../kernel/index.ts'
import { type GlobalDb, isUniqueViolation } from '../../platform/db/index.ts'
import { serversByHost } from '../hosts/hosts.store.ts'
import type { HostNews, ImageLookup } from '../ports.ts'
import {
  addMember,
  type Aggregate,
  deleteAggregate,
  findAggregate,
  insertAggregate,
  listAggregates,
  removeMember,
  updateAggregate,
} from './aggregates.store.ts'
import type { Zones } from './zones.ts'

const ZONE = 'availability_zone'
/** Images times hosts of one request: each is a task. */
const MOST_FETCHES = 10_000

export type Aggregates = ReturnType<typeof createAggregates>

interface AggregatesOptions {
  readonly db: GlobalDb
  readonly images: Pick<ImageLookup, 'show'>
  ring(database: string, taskId: string): void
  readonly cells: Cells
  readonly zones: Zones
  readonly news: HostNews
}

/** Groups of hosts. A host may be in many of them, but in one availability zone only. */
export function createAggregates({ db, cells, zones, news, images, ring }: AggregatesOptions) {
  async function show(id: number): Promise<Aggregate> {
    const aggregate = await findAggregate(db, id)
    if (!aggregate) throw notFound(`Aggregate ${id} could not be found.`)
    return aggregate
  }

  /** A change is seen here at once, and by the schedulers as soon as they hear of it. */
  async function changed(id: number, hosts: readonly string[]): Promise<Aggregate> {
    zones.forget()
    await Promise.all(cells.withHosts().map(async (cell) => news.hostsChanged(cell.id, await touchHosts(cell, hosts))))
    return show(id)
  }

  async function mustBeEmpty(hosts: readonly string[]): Promise<void> {
    const found = await Promise.all(cells.withHosts().map((cell) => serversByHost(cell, hosts)))
    if (found.flat().length > 0) throw conflict('One or more hosts contain instances in this zone')
  }

  /** A host is in one zone; and one that has servers stays in it. */
  async function mustMayMove(hosts: readonly string[], zone: string, aggregateId: number): Promise<void> {
    for (const other of await listAggregates(db)) {
      const theirs = other.metadata[ZONE]
      if (other.id === aggregateId || theirs === undefined || theirs === zone) continue
      const taken = hosts.find((host) => other.hosts.includes(host))
      if (taken !== undefined) throw conflict(`Host ${taken} is already in availability zone '${theirs}'`)
    }
    const now = await zones.current()
    await mustBeEmpty(hosts.filter((host) => now.get(host) !== zone))
  }

  async function named<T>(name: string, write: Promise<T>): Promise<T> {
    try {
      return await write
    } catch (error) {
      if (isUniqueViolation(error)) throw conflict(`Aggregate ${name} already exists.`)
      throw error
    }
  }

  return {
    show,
    list: (): Promise<Aggregate[]> => listAggregates(db),

    async create(name: string, zone: string | null): Promise<Aggregate> {
      const metadata: Record<string, string> = zone === null ? {} : { [ZONE]: zone }
      return show(await named(name, insertAggregate(db, { uuid: newId(), name, metadata })))
    },

    /** @param changes a zone of null takes the hosts out of theirs. */
    async update(id: number, { name, zone }: { name?: string; zone?: string | null }): Promise<Aggregate> {
      const aggregate = await show(id)
      if (typeof zone === 'string') await mustMayMove(aggregate.hosts, zone, id)
      const metadata: Record<string, string | null> = zone === undefined ? {} : { [ZONE]: zone }
      await named(name ?? '', updateAggregate(db, id, { metadata, ...(name === undefined ? {} : { name }) }))
      return changed(id, aggregate.hosts)
    },

    async delete(id: number): Promise<void> {
      const aggregate = await show(id)
      if (aggregate.hosts.length > 0) throw badRequest('Host aggregate is not empty')
      await deleteAggregate(db, id)
      zones.forget()
    },

    async addHost(id: number, host: string): Promise<Aggregate> {
      const aggregate = await show(id)
      const services = (await Promise.all(cells.withHosts().map(listServices))).flat()
      if (!services.some((service) => service.host === host)) throw notFound(`Compute host ${host} could not be found.`)
      const zone = aggregate.metadata[ZONE]
      if (zone !== undefined && !aggregate.hosts.includes(host)) await mustMayMove([host], zone, id)
      if (!(await addMember(db, id, host))) throw conflict(`Aggregate ${id} already has host ${host}.`)
      return changed(id, [host])
    },

    async removeHost(id: number, host: string): Promise<Aggregate> {
      const aggregate = await show(id)
      if (aggregate.metadata[ZONE] !== undefined && aggregate.hosts.includes(host)) await mustBeEmpty([host])
      if (!(await removeMember(db, id, host))) throw notFound(`Aggregate ${id} has no host ${host}.`)
      return changed(id, [host])
    },

    /** @param metadata keys to set; null takes one away. */
    async setMetadata(id: number, metadata: Readonly<Record<string, string | null>>): Promise<Aggregate> {
      const aggregate = await show(id)
      const zone = metadata[ZONE]
      if (typeof zone === 'string') await mustMayMove(aggregate.hosts, zone, id)
      await updateAggregate(db, id, { metadata })
      return changed(id, aggregate.hosts)
    },

    /**
     * Has every host of the aggregate fetch images ahead of builds from them; each image goes to one host after the
     * other. Hosts that cannot fetch one now do so with their first build.
     * @throws {Problem} bad_request for an image that is not there or not usable, or for too many at once
     */
    async cacheImages(ctx: RequestContext, id: number, imageIds: readonly string[]): Promise<void> {
      const { hosts } = await show(id)
      const wanted = [...new Set(imageIds)]
      if (wanted.length * hosts.length > MOST_FETCHES) {
        throw badRequest(`At most ${MOST_FETCHES} fetches may be asked for at once: ${wanted.length} images on ${hosts.length} hosts.`)
      }
      for (const imageId of wanted) {
        const image = await images.show(ctx, imageId)
        if (image?.status !== 'active') throw badRequest(`Image ${imageId} could not be found or is not active.`)
      }
      const tasks = wanted.flatMap((subject) =>
        hosts.map((host) => ({
          id: newId(),
          kind: CACHE_IMAGE,
          subject,
          request_id: ctx.requestId,
          input: { host },
          deadline_s: CACHE_DEADLINE_S,
        })),
      )
      if (tasks.length === 0) return
      await insertTasks(db.sql, tasks)
      for (const task of tasks) ring(db.id, task.id)
    },
  }
}
