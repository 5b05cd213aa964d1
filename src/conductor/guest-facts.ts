import { serverOn, setGuestPassword } from '../cells/index.ts'
import { agentTopic, type HostEvent } from '../contracts/index.ts'
import type { Bus, Json } from '../platform/bus/index.ts'
import type { CellDb } from '../platform/db/index.ts'

type GuestEvent = Extract<HostEvent, { event: 'guest_wanted' | 'guest_password' }>

const ANSWER_DEADLINE_S = 10

/** Tells a host what a guest of its own may know about itself; of another host's server it learns nothing. */
export async function tellOfGuest(bus: Bus, cell: CellDb, event: GuestEvent): Promise<void> {
  const { host, server_id } = event
  if (event.event === 'guest_password') await setGuestPassword(cell, host, server_id, event.password)
  const server = await serverOn(cell, host, server_id)
  if (!server) return
  const guest = {
    server_id,
    name: server.name,
    hostname: server.hostname,
    availability_zone: server.availability_zone,
    metadata: { ...server.metadata },
    security_groups: server.security_groups.map(({ name }) => name),
    vifs: server.vifs,
    password: server.system_metadata?.guest_password ?? '',
  }
  await bus.call(agentTopic(host), { push: 'guest', guest } as unknown as Json, { deadline_s: ANSWER_DEADLINE_S })
}
