import type { ServerGroup } from '../../../compute/index.ts'
import { defineView } from '../view.ts'

export type ServerGroupSource = ServerGroup

export const serverGroupView = defineView<ServerGroupSource>('server_group', (group) => ({
  id: group.id,
  name: group.name,
  policy: group.policy,
  rules: group.max_server_per_host === null ? {} : { max_server_per_host: group.max_server_per_host },
  members: group.members,
  project_id: group.project_id,
  user_id: group.user_id,
}))
