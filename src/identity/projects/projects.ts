import { badRequest, conflict, forbidden, newHexId, notFound } from '../../kernel/index.ts'
import { type GlobalDb, type GlobalTx, isForeignKeyViolation, isUniqueViolation } from '../../platform/db/index.ts'
import { changedAttributes } from '../attributes.ts'
import { changed } from '../changes.ts'
import { type Listing, listing, type PageRequest, pageSize } from '../listing.ts'
import type { Tokens } from '../tokens/tokens.ts'
import * as store from './projects.store.ts'
import type { Project, ProjectFilter } from './projects.store.ts'

export type NewProject = Pick<Project, 'name'> & Partial<Omit<Project, 'id' | 'name'>>
export type ProjectChanges = Partial<Pick<Project, 'name' | 'description' | 'enabled' | 'tags' | 'extra'>>

export interface Projects {
  list(filter: ProjectFilter, page: PageRequest): Promise<Listing<Project>>
  /** Projects in which the user has a role; `onlyUsable` leaves out the disabled ones. */
  listOfUser(userId: string, filter: ProjectFilter & { onlyUsable: boolean }): Promise<Listing<Project>>
  find(id: string): Promise<Project | null>
  /** @throws {Problem} not_found */
  show(id: string): Promise<Project>
  /** @throws {Problem} conflict when the name is taken in the domain; bad_request for an unknown domain or parent */
  create(input: NewProject): Promise<Project>
  /** Disabling a project ends all tokens scoped to it. */
  update(id: string, changes: ProjectChanges): Promise<Project>
  /** @throws {Problem} forbidden while other projects have it as parent */
  delete(id: string): Promise<void>
}

export function createProjects({ db, tokens }: { db: GlobalDb; tokens: Tokens }): Projects {
  return {
    async list(filter, page) {
      const size = pageSize(page)
      return listing(await store.listProjects(db.sql, filter, size + 1, page.marker), size)
    },
    async listOfUser(userId, filter) {
      const size = pageSize({})
      return listing(await store.listProjectsOfUser(db.sql, userId, filter, size + 1), size)
    },
    async find(id) {
      return (await store.findProject(db.sql, id)) ?? null
    },
    async show(id) {
      return (await store.findProject(db.sql, id)) ?? missing(id)
    },
    async create(input) {
      return db.transaction(async (tx) => {
        const { name, description, enabled, tags, extra = {} } = input
        const own = { id: newHexId(), name, description: '', enabled: true, tags: [] as readonly string[] }
        const project = {
          ...changed(own, { description, enabled, tags }),
          ...(await place(tx, input)),
          extra: changedAttributes({}, extra),
        }
        await store.insertProject(tx, project).catch(refused(project))
        return project
      })
    },
    async update(id, changes) {
      return tokens.revoking(async (tx, revoke) => {
        const before = (await store.lockProject(tx, id)) ?? missing(id)
        const extra = changedAttributes(before.extra, changes.extra ?? {})
        const after = changed(before, { ...changes, extra })
        await store.updateProject(tx, after).catch(refused(after))
        if (before.enabled && !after.enabled) await revoke('project', id)
        return after
      })
    },
    async delete(id) {
      await tokens.revoking(async (tx, revoke) => {
        if (!(await store.lockProject(tx, id))) missing(id)
        if (await store.hasChildren(tx, id)) {
          throw forbidden(`Cannot delete the project ${id} since it is not a leaf in the hierarchy.`)
        }
        await store.deleteProject(tx, id)
        await revoke('project', id)
      })
    },
  }
}

/** Where users and projects live that name no domain. */
export const DEFAULT_DOMAIN = 'default'

/** Under which domain and parent a new project belongs. A parent is locked, so that it cannot go meanwhile. */
async function place(tx: GlobalTx, { domain_id, parent_id }: NewProject): Promise<Place> {
  const parent = parent_id === undefined ? undefined : await store.lockProject(tx, parent_id)
  const domain = parent?.domain_id ?? parent_id ?? domain_id ?? DEFAULT_DOMAIN
  if (domain_id !== undefined && domain_id !== domain) {
    throw badRequest('A project must be in the domain of its parent.')
  }
  return { domain_id: domain, parent_id: parent?.id ?? domain }
}

type Place = Pick<Project, 'domain_id' | 'parent_id'>

function missing(id: string): never {
  throw notFound(`Could not find project: ${id}.`)
}

function refused({ name, domain_id }: Project): (error: unknown) => never {
  return (error) => {
    if (isUniqueViolation(error)) {
      throw conflict(
        `Conflict occurred attempting to store project - it is not permitted to have two projects with the same name ` +
          `in the same domain: ${name}.`,
      )
    }
    if (isForeignKeyViolation(error)) throw badRequest(`Could not find domain: ${domain_id}.`)
    throw error
  }
}
