import type { Aggregate } from '../../../compute/index.ts'
import { naiveTime, naiveTimeOrNull } from '../times.ts'
import { defineView } from '../view.ts'

const created = (aggregate: Aggregate): Record<string, unknown> => ({
  id: aggregate.id,
  uuid: aggregate.uuid,
  name: aggregate.name,
  availability_zone: aggregate.metadata.availability_zone ?? null,
  created_at: naiveTime(aggregate.created_at),
  updated_at: naiveTimeOrNull(aggregate.updated_at),
  deleted: false,
  deleted_at: null,
})

/** What a create answers: of hosts and metadata Nova says nothing there. */
export const aggregateCreated = defineView<Aggregate>('aggregate.created', created)

export const aggregateView = defineView<Aggregate>('aggregate', (aggregate) => ({
  ...created(aggregate),
  hosts: aggregate.hosts,
  metadata: aggregate.metadata,
}))
