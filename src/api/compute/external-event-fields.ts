import { Type as T } from '@sinclair/typebox'
import { closed } from './changes.ts'
import { Uuid } from './fields.ts'

/** The kinds of events: those of 2.1, and one more with each of 2.51, 2.76, 2.82 and 2.93. */
const SINCE_2_1 = ['network-changed', 'network-vif-plugged', 'network-vif-unplugged', 'network-vif-deleted'] as const
const LATER = ['volume-extended', 'power-update', 'accelerator-request-bound', 'volume-reimaged'] as const

/** More than Nova names, but a bound: one request must not look up servers without end. */
const MAX_EVENTS = 1000

/** How many kinds came later. */
export const ALL_EVENTS = LATER.length

/** @param later how many of the later kinds there are */
export function ExternalEvents(later: number) {
  return T.Array(
    closed({
      name: T.Union([...SINCE_2_1, ...LATER.slice(0, later)].map((name) => T.Literal(name))),
      server_uuid: Uuid,
      status: T.Optional(T.Union((['failed', 'completed', 'in-progress'] as const).map((word) => T.Literal(word)))),
      tag: T.Optional(T.String({ maxLength: 255 })),
    }),
    { minItems: 1, maxItems: MAX_EVENTS },
  )
}
