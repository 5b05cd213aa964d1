import { badRequest, conflict, newId, notFound, Problem, type RequestContext } from '../../kernel/index.ts'
import { createSharedReads, type GlobalDb, isUniqueViolation } from '../../platform/db/index.ts'
import { checkOperands } from '../../scheduler/index.ts'
import type { ProjectLookup } from '../ports.ts'
import {
  deleteExtraSpec,
  deleteFlavor,
  findFlavor,
  type FlavorQuery,
  type FlavorRow,
  grantAccess,
  insertFlavor,
  listAccess,
  listFlavors,
  mergeExtraSpecs,
  type NewFlavor,
  revokeAccess,
  seedFlavors,
  updateDescription,
} from './flavors.store.ts'

export type FlavorList = Omit<FlavorQuery, 'project_id' | 'with_disabled'>

/** Flavors a new cloud starts with: Nova's own of old, and one small enough for a test image. */
const FIRST_FLAVORS: readonly NewFlavor[] = (
  [
    ['42', 'm1.nano', 64, 1, 1],
    ['1', 'm1.tiny', 512, 1, 1],
    ['2', 'm1.small', 2048, 20, 1],
    ['3', 'm1.medium', 4096, 40, 2],
    ['4', 'm1.large', 8192, 80, 4],
    ['5', 'm1.xlarge', 16_384, 160, 8],
  ] as const
).map(([flavor_id, name, memory_mb, root_gb, vcpus]) => ({
  flavor_id,
  name,
  description: null,
  vcpus,
  memory_mb,
  root_gb,
  ephemeral_gb: 0,
  swap_mb: 0,
  rxtx_factor: 1,
  is_public: true,
}))

export type Flavors = ReturnType<typeof createFlavors>

/** Flavors: what sizes servers come in. Changing one never changes a server that exists. */
export function createFlavors({ db, projects }: { db: GlobalDb; projects: ProjectLookup }) {
  const missing = (flavorId: string): Problem => notFound(`Flavor ${flavorId} could not be found.`)
  const visibleTo = (ctx: RequestContext): string | null => (ctx.isAdmin ? null : ctx.projectId)

  async function show(ctx: RequestContext, flavorId: string): Promise<FlavorRow> {
    const flavor = await findFlavor(db.sql, flavorId, visibleTo(ctx))
    if (!flavor) throw missing(flavorId)
    return flavor
  }

  async function privateFlavor(ctx: RequestContext, flavorId: string, orElse: Problem): Promise<FlavorRow> {
    const flavor = await show(ctx, flavorId)
    if (flavor.is_public) throw orElse
    return flavor
  }

  async function accessOf(flavorId: string): Promise<{ flavor_id: string; tenant_id: string }[]> {
    const rows = await listAccess(db.sql, flavorId)
    return rows.map((row) => ({ flavor_id: flavorId, tenant_id: row.project_id }))
  }

  async function mustExist(projectId: string): Promise<void> {
    if (!(await projects.exists(projectId))) throw badRequest(`Project ID ${projectId} is not a valid project.`)
  }

  const share = createSharedReads()

  return {
    /** Gives a cloud without any flavor its first ones. */
    bootstrap: () => seedFlavors(db, FIRST_FLAVORS),

    show,

    /** One page. Only admins look beyond what their project may use. @throws {Problem} bad_request: unknown marker */
    async list(ctx: RequestContext, query: FlavorList): Promise<FlavorRow[]> {
      const asked = {
        ...query,
        is_public: ctx.isAdmin ? query.is_public : true,
        with_disabled: ctx.isAdmin,
        project_id: ctx.projectId,
      }
      const page = await share(JSON.stringify(asked), () => listFlavors(db, asked))
      if (!page) throw badRequest(`marker [${query.marker}] not found`)
      return page
    },

    /** A null `flavor_id` lets the cloud choose one. @throws {Problem} conflict: name or id taken */
    async create(flavor: Omit<NewFlavor, 'flavor_id'> & { flavor_id: string | null }): Promise<FlavorRow> {
      const row = { ...flavor, flavor_id: flavor.flavor_id ?? newId() }
      try {
        return await insertFlavor(db, row)
      } catch (error) {
        if (isUniqueViolation(error, 'flavors_name_key')) {
          throw conflict(`Flavor with name ${row.name} already exists.`)
        }
        if (isUniqueViolation(error, 'flavors_flavor_id_key')) {
          throw conflict(`Flavor with ID ${row.flavor_id} already exists.`)
        }
        throw error
      }
    },

    async describe(flavorId: string, description: string | null): Promise<FlavorRow> {
      const flavor = await updateDescription(db, flavorId, description)
      if (!flavor) throw missing(flavorId)
      return flavor
    },

    async delete(flavorId: string): Promise<void> {
      if (!(await deleteFlavor(db, flavorId))) throw missing(flavorId)
    },

    /** @throws {Problem} bad_request for a comparison with nothing to compare with */
    async setExtraSpecs(flavorId: string, specs: Readonly<Record<string, string>>): Promise<void> {
      checkOperands(specs)
      if (!(await mergeExtraSpecs(db, flavorId, specs))) throw missing(flavorId)
    },

    async showExtraSpec(ctx: RequestContext, flavorId: string, key: string): Promise<string> {
      const { extra_specs } = await show(ctx, flavorId)
      const value = Object.hasOwn(extra_specs, key) ? extra_specs[key] : undefined
      if (value === undefined) throw notFound(`Flavor ${flavorId} has no extra specs with key ${key}.`)
      return value
    },

    async deleteExtraSpec(ctx: RequestContext, flavorId: string, key: string): Promise<void> {
      await show(ctx, flavorId)
      if (!(await deleteExtraSpec(db, flavorId, key))) {
        throw notFound(`Flavor ${flavorId} has no extra specs with key ${key}.`)
      }
    },

    /** Projects that may use a private flavor. @throws {Problem} not_found for a public one: all may. */
    async access(ctx: RequestContext, flavorId: string) {
      await privateFlavor(ctx, flavorId, notFound('Access list not available for public flavors.'))
      return accessOf(flavorId)
    },

    /** @param strict refuses a public flavor, as Nova does since 2.7. */
    async grant(ctx: RequestContext, flavorId: string, projectId: string, { strict }: { strict: boolean }) {
      await mustExist(projectId)
      const flavor = await show(ctx, flavorId)
      if (strict && flavor.is_public) {
        throw conflict('Can not add access to a public flavor.')
      }
      if (!(await grantAccess(db, flavorId, projectId))) {
        throw conflict(`Flavor access already exists for flavor ${flavorId} and project ${projectId} combination.`)
      }
      return accessOf(flavorId)
    },

    async revoke(ctx: RequestContext, flavorId: string, projectId: string) {
      await mustExist(projectId)
      await show(ctx, flavorId)
      if (!(await revokeAccess(db, flavorId, projectId))) {
        throw notFound(`Flavor access not found for ${flavorId} / ${projectId} combination.`)
      }
      return accessOf(flavorId)
    },
  }
}
