import { type Static, Type as T } from '@sinclair/typebox'
import { PowerState } from './instance.ts'

const Amount = T.Union([T.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }), T.Null()])
const Device = T.String({ maxLength: 64 })

/** What a guest uses, in the words of Nova's standard form (2.48); null is what this hypervisor does not tell. */
export const Diagnostics = T.Object({
  state: PowerState,
  driver: T.String({ maxLength: 64 }),
  hypervisor: T.Union([T.String({ maxLength: 64 }), T.Null()]),
  hypervisor_os: T.Union([T.String({ maxLength: 255 }), T.Null()]),
  uptime_s: Amount,
  config_drive: T.Boolean(),
  memory: T.Object({ maximum_mb: Amount, used_mb: Amount }),
  cpus: T.Array(
    T.Object({ id: T.Integer({ minimum: 0 }), time_ns: Amount, utilisation_percent: Amount }),
    { maxItems: 1024 },
  ),
  nics: T.Array(
    T.Object({
      /** On the host: `tap…`. */
      device: Device,
      mac_address: T.String({ maxLength: 17 }),
      rx_octets: Amount,
      rx_packets: Amount,
      rx_errors: Amount,
      rx_drop: Amount,
      tx_octets: Amount,
      tx_packets: Amount,
      tx_errors: Amount,
      tx_drop: Amount,
    }),
    { maxItems: 64 },
  ),
  disks: T.Array(
    T.Object({
      /** In the guest: `vda`. */
      device: Device,
      read_bytes: Amount,
      read_requests: Amount,
      write_bytes: Amount,
      write_requests: Amount,
      errors: Amount,
    }),
    { maxItems: 64 },
  ),
})
export type Diagnostics = Static<typeof Diagnostics>
