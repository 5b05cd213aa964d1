export { createMetrics, type Metrics, METRICS_CONTENT_TYPE, type Sample } from './metrics.ts'
export { measureProcess } from './process.ts'
export { type MetricsServer, serveMetrics } from './serve.ts'
