import { isForeignKeyViolation, type GlobalSql } from '../platform/db/index.ts'

export const MEMBER_STATUSES = ['pending', 'accepted', 'rejected'] as const
export type MemberStatus = (typeof MEMBER_STATUSES)[number]

/** A project that a shared image is shared with. */
export interface Member {
  readonly image_id: string
  readonly member_id: string
  readonly status: MemberStatus
  readonly created_at: Date
  readonly updated_at: Date
}

/** Glance's `image_member_quota`. */
export const MAX_MEMBERS = 128

export async function listMembers(sql: GlobalSql, imageId: string): Promise<Member[]> {
  return sql<Member[]>`
    select * from image_members where image_id = ${imageId} order by created_at, member_id limit ${MAX_MEMBERS}`
}

export async function findMember(sql: GlobalSql, imageId: string, memberId: string): Promise<Member | undefined> {
  const [member] = await sql<Member[]>`
    select * from image_members where image_id = ${imageId} and member_id = ${memberId}`
  return member
}

/** @returns `exists` for a member already, `gone` where there is no such image. */
export async function insertMember(
  sql: GlobalSql,
  imageId: string,
  memberId: string,
): Promise<Member | 'exists' | 'gone'> {
  try {
    const [member] = await sql<Member[]>`
      insert into image_members ${sql({ image_id: imageId, member_id: memberId })}
      on conflict do nothing
      returning *`
    return member ?? 'exists'
  } catch (error) {
    if (isForeignKeyViolation(error)) return 'gone'
    throw error
  }
}

export async function setMemberStatus(
  sql: GlobalSql,
  imageId: string,
  memberId: string,
  status: MemberStatus,
): Promise<Member | undefined> {
  const [member] = await sql<Member[]>`
    update image_members set status = ${status}, updated_at = now()
    where image_id = ${imageId} and member_id = ${memberId}
    returning *`
  return member
}

export async function deleteMember(sql: GlobalSql, imageId: string, memberId: string): Promise<boolean> {
  const { count } = await sql`delete from image_members where image_id = ${imageId} and member_id = ${memberId}`
  return count > 0
}
