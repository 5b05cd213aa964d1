import type { Located } from '../../../compute/index.ts'
import { defineView } from '../view.ts'

type Server = Located['server']

/** A port of a server, with the tag that it was asked for with. */
export interface InterfaceSource {
  readonly vif: Server['vifs'][number]
  readonly tag: string | null
}

export function interfacesOf({ vifs, requested_networks }: Server): InterfaceSource[] {
  // The ports stand in the order of the requests; one that has gone since leaves the others where they can be told.
  const requests = Array.isArray(requested_networks) ? requested_networks : []
  return vifs.map((vif, index) => {
    const asked = requests.find(({ port_id }) => port_id === vif.port_id)
    const inOrder = vifs.length === requests.length ? requests[index] : undefined
    return { vif, tag: asked?.tag ?? inOrder?.tag ?? null }
  })
}

export const interfaceView = defineView<InterfaceSource>('interface', ({ vif, tag }) => ({
  port_id: vif.port_id,
  net_id: vif.network_id,
  mac_addr: vif.mac_address,
  fixed_ips: vif.fixed_ips.map(({ subnet_id, ip_address }) => ({ subnet_id, ip_address })),
  // A server gets its ports when it has a host, which is when they become active.
  port_state: 'ACTIVE',
  tag,
}))
