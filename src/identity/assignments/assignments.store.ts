import type { GlobalSql, GlobalTx } from '../../platform/db/index.ts'
import type { Role } from '../roles/roles.store.ts'

export type AssignmentScope = 'project' | 'domain' | 'system'

/** A role that a user has on something. */
export interface Grant {
  readonly user_id: string
  readonly role_id: string
  readonly scope: AssignmentScope
  readonly scope_id: string
}

/** A grant with the names of what it speaks of. */
export interface Assignment extends Grant {
  readonly user_name: string
  readonly user_domain_id: string
  readonly user_domain_name: string
  readonly role_name: string
  /** The granted role when this one only follows from it. */
  readonly prior_role_id: string | null
  /** Null for the system. */
  readonly scope_name: string | null
  /** Only projects have one. */
  readonly scope_domain_id: string | null
  readonly scope_domain_name: string | null
}

export interface AssignmentFilter {
  readonly user_id?: string
  readonly role_id?: string
  readonly scope?: AssignmentScope
  readonly scope_id?: string
  /** Lists implied roles as if they were granted. */
  readonly effective: boolean
}

export async function listAssignments(sql: GlobalSql, filter: AssignmentFilter, count: number) {
  return sql<Assignment[]>`
    with recursive held as (
      select user_id, scope, scope_id, role_id as granted_role_id, role_id from role_assignments
      where true
      ${filter.user_id === undefined ? sql`` : sql`and user_id = ${filter.user_id}`}
      ${filter.scope === undefined ? sql`` : sql`and scope = ${filter.scope}`}
      ${filter.scope_id === undefined ? sql`` : sql`and scope_id = ${filter.scope_id}`}
      union
      select h.user_id, h.scope, h.scope_id, h.granted_role_id, i.implied_role_id
      from held h join role_implications i using (role_id) where ${filter.effective}
    )
    select h.user_id, h.role_id, h.scope, h.scope_id,
           nullif(h.granted_role_id, h.role_id) as prior_role_id,
           u.name as user_name, ud.id as user_domain_id, ud.name as user_domain_name, r.name as role_name,
           coalesce(p.name, sd.name) as scope_name, pd.id as scope_domain_id, pd.name as scope_domain_name
    from held h
    join users u on u.id = h.user_id
    join domains ud on ud.id = u.domain_id
    join roles r on r.id = h.role_id
    left join projects p on h.scope = 'project' and p.id = h.scope_id
    left join domains pd on pd.id = p.domain_id
    left join domains sd on h.scope = 'domain' and sd.id = h.scope_id
    ${filter.role_id === undefined ? sql`` : sql`where h.role_id = ${filter.role_id}`}
    order by u.name, u.id, h.scope, h.scope_id, r.name, prior_role_id nulls first limit ${count}`
}

/** Roles granted to a user in one scope, without implied ones. */
export async function listGrantedRoles(sql: GlobalSql, grant: Omit<Grant, 'role_id'>): Promise<Role[]> {
  return sql<Role[]>`
    select r.id, r.name, r.description, r.immutable
    from role_assignments a join roles r on r.id = a.role_id
    where a.user_id = ${grant.user_id} and a.scope = ${grant.scope} and a.scope_id = ${grant.scope_id}
    order by r.name`
}

export async function grantExists(sql: GlobalSql, grant: Grant): Promise<boolean> {
  const rows = await sql`
    select 1 from role_assignments
    where user_id = ${grant.user_id} and role_id = ${grant.role_id}
      and scope = ${grant.scope} and scope_id = ${grant.scope_id}`
  return rows.length > 0
}

export async function insertGrant(tx: GlobalTx, grant: Grant): Promise<void> {
  await tx`
    insert into role_assignments ${tx(grant, 'user_id', 'role_id', 'scope', 'scope_id')} on conflict do nothing`
}

/** False when there was none. */
export async function deleteGrant(tx: GlobalTx, grant: Grant): Promise<boolean> {
  const { count } = await tx`
    delete from role_assignments
    where user_id = ${grant.user_id} and role_id = ${grant.role_id}
      and scope = ${grant.scope} and scope_id = ${grant.scope_id}`
  return count > 0
}

/** Which of user, role, project or domain a grant speaks of is not there; locks those that are against deletion. */
export async function missingPart(tx: GlobalTx, grant: Grant): Promise<'user' | 'role' | 'project' | 'domain' | null> {
  const [user] = await tx`select 1 from users where id = ${grant.user_id} for key share`
  if (!user) return 'user'
  const [role] = await tx`select 1 from roles where id = ${grant.role_id} for key share`
  if (!role) return 'role'
  if (grant.scope === 'system') return null
  const [target] =
    grant.scope === 'project'
      ? await tx`select 1 from projects where id = ${grant.scope_id} for key share`
      : await tx`select 1 from domains where id = ${grant.scope_id} for key share`
  return target ? null : grant.scope
}
