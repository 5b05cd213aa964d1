import { isUuid, newId } from '../../kernel/index.ts'
import { type GlobalDb, isForeignKeyViolation } from '../../platform/db/index.ts'
import { failure, ruleNotFound, securityGroupNotFound } from '../failures.ts'
import type { Listing, Page, Viewer } from '../listing.ts'
import { checkQuota } from '../quotas/quotas.ts'
import { DEFAULT_GROUP, ensureDefaultGroup, openEgress } from './default-group.ts'
import { checkedRule, sameRule } from './rule-checks.ts'
import {
  deleteGroup,
  deleteRule,
  insertGroup,
  insertRules,
  listGroups,
  listRules,
  lockGroup,
  type NewSecurityGroupRule,
  rulesOf,
  type SecurityGroup,
  type SecurityGroupRule,
  showGroup,
  showRule,
  touchGroup,
  updateGroup,
} from './security-groups.store.ts'

export type GroupWithRules = SecurityGroup & { readonly rules: readonly SecurityGroupRule[] }
export type WantedRule = Omit<NewSecurityGroupRule, 'id' | 'project_id'>

export interface SecurityGroupVerbs {
  /** The viewer's project has its default group from the first look on. */
  list(viewer: Viewer, listing: Listing): Promise<Page<GroupWithRules>>
  /** @throws {Problem} not_found, also for one that the viewer may not see. */
  show(viewer: Viewer, id: string): Promise<GroupWithRules>
  create(viewer: Viewer, wanted: { name: string; description: string; project_id: string }): Promise<GroupWithRules>
  /** @throws {Problem} conflict for a new name of the default group. */
  update(viewer: Viewer, id: string, changes: { name?: string; description?: string }): Promise<GroupWithRules>
  /** @throws {Problem} conflict for the default group, and for one that a port or another group's rule uses. */
  remove(viewer: Viewer, id: string): Promise<void>
  listRules(viewer: Viewer, listing: Listing): Promise<Page<SecurityGroupRule>>
  showRule(viewer: Viewer, id: string): Promise<SecurityGroupRule>
  /** @throws {Problem} bad_request for a contradiction, conflict for a rule that the group has. */
  createRule(viewer: Viewer, wanted: WantedRule): Promise<SecurityGroupRule>
  removeRule(viewer: Viewer, id: string): Promise<void>
}

export function securityGroupVerbs(db: GlobalDb): SecurityGroupVerbs {
  const { sql } = db

  async function withRules(groups: readonly SecurityGroup[]): Promise<GroupWithRules[]> {
    const rules = await rulesOf(
      sql,
      groups.map((group) => group.id),
    )
    return groups.map((group) => ({ ...group, rules: rules.filter((rule) => rule.security_group_id === group.id) }))
  }

  async function find(viewer: Viewer, id: string): Promise<SecurityGroup> {
    const group = isUuid(id) ? await showGroup(sql, viewer, id) : undefined
    if (!group) throw securityGroupNotFound(id)
    return group
  }

  async function show(viewer: Viewer, id: string): Promise<GroupWithRules> {
    const [group] = await withRules([await find(viewer, id)])
    if (!group) throw securityGroupNotFound(id)
    return group
  }

  async function findRule(viewer: Viewer, id: string): Promise<SecurityGroupRule> {
    const rule = isUuid(id) ? await showRule(sql, viewer, id) : undefined
    if (!rule) throw ruleNotFound(id)
    return rule
  }

  return {
    async list(viewer, listing) {
      if (viewer.project_id !== '') await ensureDefaultGroup(db, viewer.project_id)
      const { items, more } = await listGroups(sql, viewer, listing)
      return { items: await withRules(items), more }
    },
    show,
    async create(viewer, wanted) {
      if (wanted.name === DEFAULT_GROUP) throw defaultExists()
      const id = newId()
      await db.transaction(async (tx) => {
        await checkQuota(tx, 'security_group', [wanted.project_id])
        await insertGroup(tx, { ...wanted, id })
        await insertRules(tx, openEgress(id, wanted.project_id))
      })
      return show({ ...viewer, all: true }, id)
    },
    async update(viewer, id, changes) {
      const group = await find(viewer, id)
      const renames = changes.name !== undefined && changes.name !== group.name
      if (renames && group.name === DEFAULT_GROUP) {
        throw failure('conflict', 'SecurityGroupCannotUpdateDefault', 'Updating default security group not allowed.')
      }
      if (renames && changes.name === DEFAULT_GROUP) throw defaultExists()
      if (Object.keys(changes).length > 0) {
        await db.transaction(async (tx) => {
          await updateGroup(tx, id, changes)
          await touchGroup(tx, id)
        })
      }
      return show(viewer, id)
    },
    async remove(viewer, id) {
      const group = await find(viewer, id)
      if (group.name === DEFAULT_GROUP) {
        throw failure(
          'conflict',
          'SecurityGroupCannotRemoveDefault',
          'Insufficient rights for removing default security group.',
        )
      }
      try {
        await deleteGroup(sql, id)
      } catch (error) {
        if (isForeignKeyViolation(error))
          throw failure('conflict', 'SecurityGroupInUse', `Security Group ${id} in use.`)
        throw error
      }
    },
    listRules: (viewer, listing) => listRules(sql, viewer, listing),
    showRule: findRule,
    async createRule(viewer, wanted) {
      const group = await find(viewer, wanted.security_group_id)
      const rule = checkedRule(wanted)
      if (rule.remote_group_id !== null) await find(viewer, rule.remote_group_id)
      const id = newId()
      try {
        await db.transaction(async (tx) => {
          if (!(await lockGroup(tx, group.id))) throw securityGroupNotFound(group.id)
          await checkQuota(tx, 'security_group_rule', [group.project_id])
          const twin = (await rulesOf(tx, [group.id])).find((each) => sameRule(rule, each))
          if (twin) throw ruleExists(twin.id)
          await insertRules(tx, [{ ...rule, id, project_id: group.project_id }])
          await touchGroup(tx, group.id)
        })
      } catch (error) {
        if (isForeignKeyViolation(error)) throw securityGroupNotFound(rule.remote_group_id ?? group.id)
        throw error
      }
      return findRule({ ...viewer, all: true }, id)
    },
    async removeRule(viewer, id) {
      const rule = await findRule(viewer, id)
      await db.transaction(async (tx) => {
        await deleteRule(tx, id)
        await touchGroup(tx, rule.security_group_id)
      })
    },
  }
}

const defaultExists = () =>
  failure('conflict', 'SecurityGroupDefaultAlreadyExists', 'Default security group already exists.')

const ruleExists = (id: string) =>
  failure('conflict', 'SecurityGroupRuleExists', `Security group rule already exists. Rule id is ${id}.`)
