import { conflict, forbidden, notFound, Problem } from '../kernel/index.ts'
import type { GlobalDb } from '../platform/db/index.ts'
import type { Image } from './image.ts'
import {
  deleteMember,
  findMember,
  insertMember,
  listMembers,
  MAX_MEMBERS,
  type Member,
  type MemberStatus,
  setMemberStatus,
} from './members.store.ts'

/** With which projects a shared image is shared. Each project accepts or rejects for itself. */
export interface ImageMembers {
  list(image: Image): Promise<Member[]>
  /** @throws {Problem} not_found */
  show(image: Image, memberId: string): Promise<Member>
  /** @throws {Problem} forbidden unless the image is shared, conflict for a member, too_large over the quota */
  add(image: Image, memberId: string): Promise<Member>
  setStatus(image: Image, memberId: string, status: MemberStatus): Promise<Member>
  remove(image: Image, memberId: string): Promise<void>
}

export function createMembers({ sql }: GlobalDb): ImageMembers {
  const noMember = (image: Image, memberId: string) =>
    notFound(`${memberId} not found in the member list of the image ${image.id}.`)

  return {
    list: (image) => listMembers(sql, image.id),
    async show(image, memberId) {
      const member = await findMember(sql, image.id, memberId)
      if (!member) throw noMember(image, memberId)
      return member
    },
    async add(image, memberId) {
      if (image.visibility !== 'shared') throw forbidden('Only shared images have members.')
      if ((await listMembers(sql, image.id)).length >= MAX_MEMBERS) {
        throw new Problem(
          'too_large',
          `The limit has been exceeded on the number of allowed image members: ${MAX_MEMBERS}.`,
        )
      }
      const member = await insertMember(sql, image.id, memberId)
      if (member === 'gone') throw notFound(`No image found with ID ${image.id}`)
      if (member === 'exists') throw conflict(`Member ${memberId} is duplicated for image ${image.id}`)
      return member
    },
    async setStatus(image, memberId, status) {
      const member = await setMemberStatus(sql, image.id, memberId, status)
      if (!member) throw noMember(image, memberId)
      return member
    },
    async remove(image, memberId) {
      if (!(await deleteMember(sql, image.id, memberId))) throw noMember(image, memberId)
    },
  }
}
