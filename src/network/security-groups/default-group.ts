import { newId } from '../../kernel/index.ts'
import type { GlobalDb } from '../../platform/db/index.ts'
import { groupByName, insertGroup, insertRules } from './security-groups.store.ts'

/** Every project has a security group of this name; it cannot be made or deleted by hand. */
export const DEFAULT_GROUP = 'default'

/** The id of the project's default group, made when it is first needed: all may go out, only members may come in. */
export async function ensureDefaultGroup(db: GlobalDb, projectId: string): Promise<string> {
  const existing = await groupByName(db.sql, projectId, DEFAULT_GROUP)
  if (existing) return existing
  return db.transaction(async (tx) => {
    const id = newId()
    const made = await insertGroup(tx, {
      id,
      name: DEFAULT_GROUP,
      description: 'Default security group',
      project_id: projectId,
    })
    if (made) {
      await insertRules(tx, [...openEgress(id, projectId), ...fromMembers(id, projectId)])
      return id
    }
    // Somebody else was faster, and has committed: the index made us wait for it.
    return (await groupByName(tx, projectId, DEFAULT_GROUP)) ?? id
  })
}

/** What every new group allows: all traffic out. */
export function openEgress(groupId: string, projectId: string) {
  return (['IPv4', 'IPv6'] as const).map((ethertype) => ({
    ...anyTraffic(groupId, projectId),
    direction: 'egress' as const,
    ethertype,
    remote_group_id: null,
  }))
}

function fromMembers(groupId: string, projectId: string) {
  return (['IPv4', 'IPv6'] as const).map((ethertype) => ({
    ...anyTraffic(groupId, projectId),
    direction: 'ingress' as const,
    ethertype,
    remote_group_id: groupId,
  }))
}

function anyTraffic(security_group_id: string, project_id: string) {
  return {
    id: newId(),
    security_group_id,
    project_id,
    protocol: null,
    port_range_min: null,
    port_range_max: null,
    remote_ip_prefix: null,
    description: '',
  }
}
