import type { ConsoleAddress } from '../../../compute/index.ts'
import { defineView } from '../view.ts'

/** Where a console is on its host, for those who run proxies of their own. */
export const consoleAddress = defineView<ConsoleAddress>('console_address', ({ server_id, address, port }) => ({
  instance_uuid: server_id,
  host: address,
  port,
  tls_port: null,
  internal_access_path: null,
}))
