import type { Logger } from '../log/index.ts'
import type { Bus } from './bus.ts'
import { createMemoryBus } from './memory.ts'
import { createRedisBus } from './redis.ts'

/** `[DEFAULT] transport_url` names a bus that there is none for. */
export class TransportUrlError extends Error {
  override readonly name = 'TransportUrlError'
}

/**
 * Opens the bus that `transport_url` names: Redis for `redis://` and `rediss://`, in-process for none. Redis need not
 * be reachable yet; `health` tells when it is.
 * @throws {TransportUrlError} for any other.
 */
export async function openBus({
  transport_url,
  log,
}: {
  transport_url?: string | undefined
  log: Logger
}): Promise<Bus> {
  if (!transport_url || transport_url === 'memory://') return createMemoryBus({ log })
  const scheme = transport_url.split(':', 1)[0] ?? ''
  if (scheme !== 'redis' && scheme !== 'rediss') {
    const hint = /^(rabbit|amqp|kombu|kafka)/.test(scheme)
      ? '; RabbitMQ and Kafka are not needed and not supported'
      : ''
    throw new TransportUrlError(
      'transport_url must be redis://host:port/database or rediss://…, or empty for one process, ' +
        `not ${scheme}://${hint}`,
    )
  }
  if (!URL.canParse(transport_url)) throw new TransportUrlError('transport_url is not a valid URL')
  return createRedisBus({ url: transport_url, log })
}
