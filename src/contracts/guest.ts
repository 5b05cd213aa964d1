import { type Static, Type as T } from '@sinclair/typebox'
import { message } from './contract.ts'
import { Instance } from './instance.ts'

/** What the metadata service of a host tells a guest and may have changed since the guest was made. */
export const GuestFacts = T.Object({
  ...T.Pick(Instance, ['server_id', 'name', 'hostname', 'availability_zone', 'metadata', 'security_groups', 'vifs']).properties,
  /** What the guest has posted as its password, encrypted for its owner; '' for nothing yet. */
  password: T.String({ maxLength: 1020 }),
})
export type GuestFacts = Static<typeof GuestFacts>

/** A call on `agentTopic(host)`: the answer to the events `guest_wanted` and `guest_password`. */
export const guestPush = message('agent.guest', 1, T.Object({ push: T.Literal('guest'), guest: GuestFacts }))
