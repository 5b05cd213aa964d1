import { type Metrics, METRICS_CONTENT_TYPE } from './metrics.ts'

export interface MetricsServer {
  /** `http://127.0.0.1:9774` */
  readonly url: string
  stop(): Promise<void>
}

/**
 * Serves `/metrics` without asking who wants it: for a scraper that can reach `listen`, `ADDRESS:PORT`.
 * @throws when the address is none, taken or not ours; the message names it.
 */
export function serveMetrics(metrics: Metrics, listen: string): MetricsServer {
  const [, bracketed, plain, port] = /^(?:\[([0-9a-f:]+)\]|([\w.-]+)):(\d{1,5})$/i.exec(listen) ?? []
  const hostname = bracketed ?? plain
  if (!hostname || Number(port) > 65_535) {
    throw new Error(`[bunova] metrics_listen = ${listen}: expected ADDRESS:PORT, for example 127.0.0.1:9774`)
  }
  try {
    const server = Bun.serve({
      hostname,
      port: Number(port),
      reusePort: false,
      routes: {
        '/metrics': {
          GET: async () => new Response(await metrics.text(), { headers: { 'content-type': METRICS_CONTENT_TYPE } }),
        },
      },
      fetch: () => new Response('There is nothing here but /metrics.\n', { status: 404 }),
    })
    return { url: `http://${hostname.includes(':') ? `[${hostname}]` : hostname}:${server.port}`, stop: () => server.stop(true) }
  } catch (cause) {
    throw new Error(`[bunova] metrics_listen: cannot listen on ${listen}: ${(cause as Error).message}`, { cause })
  }
}
