import type { RuleDefaults } from '../../platform/policy/index.ts'

const ADMIN = 'role:admin'
const MEMBER = 'role:admin or (role:member and project_id:%(project_id)s)'
const READER =
  "role:admin or (role:reader and (project_id:%(project_id)s or project_id:%(member_id)s or 'public':%(visibility)s " +
  "or 'community':%(visibility)s or 'shared':%(visibility)s))"

/** Glance's rules under their own names. */
export const imagePolicy = {
  add_image: { check: MEMBER, description: 'Create an image.' },
  get_images: { check: 'role:admin or (role:reader and project_id:%(project_id)s)', description: 'List images.' },
  get_image: { check: READER, description: 'Show an image.' },
  modify_image: { check: MEMBER, description: 'Change an image, its tags included.' },
  delete_image: { check: MEMBER, description: 'Delete an image.' },
  upload_image: { check: MEMBER, description: 'Upload the bytes of an image.' },
  download_image: { check: READER, description: 'Download the bytes of an image.' },
  publicize_image: { check: ADMIN, description: 'Make an image public.' },
  communitize_image: { check: MEMBER, description: 'Make an image a community image.' },
  deactivate: { check: ADMIN, description: 'Keep the bytes of an image from being downloaded.' },
  reactivate: { check: ADMIN, description: 'Let the bytes of a deactivated image be downloaded again.' },
  get_members: { check: READER, description: 'List the projects an image is shared with.' },
  get_member: { check: READER, description: 'Show one project an image is shared with.' },
  add_member: { check: MEMBER, description: 'Share an image with a project.' },
  delete_member: { check: MEMBER, description: 'End the sharing of an image with a project.' },
  modify_member: {
    check: 'role:admin or (role:member and project_id:%(member_id)s)',
    description: 'Accept or reject an image that is shared with the own project.',
  },
} satisfies RuleDefaults

export type ImageRule = keyof typeof imagePolicy
