import type { Conductor, TaskEnd } from './conductor/index.ts'
import type { RequestContext } from './kernel/index.ts'
import { type Bus, BusTimeout } from './platform/bus/index.ts'
import { type Call, type Face, type ServedRequest, STATUS } from './platform/http/index.ts'
import { createMetrics, measureProcess, type Metrics, METRICS_CONTENT_TYPE } from './platform/metrics/index.ts'
import type { Policy, RuleDefaults } from './platform/policy/index.ts'
import type { Decided, Scheduler } from './scheduler/index.ts'

/** Seconds: what takes microseconds, and what takes as long as a disk or a host. */
const DECISION_BUCKETS = [5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 5e-3, 2.5e-2, 0.1]
const REQUEST_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const TASK_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]

/** The process's own figures, to which each role adds its. */
export function startMetrics(): Metrics {
  const metrics = createMetrics()
  measureProcess(metrics)
  return metrics
}

/** The bus, with every message and call counted by the kind of its topic: `agent`, `tasks`, `scheduler` … */
export function measuredBus(bus: Bus, metrics: Metrics): Bus {
  const messages = metrics.counter({ name: 'bunova_bus_messages_total', help: 'Messages sent on the bus.', labels: ['topic', 'how'] })
  const calls = metrics.histogram({
    name: 'bunova_bus_call_seconds',
    help: 'Calls over the bus until their answer, by how they ended.',
    labels: ['topic', 'result'],
    buckets: REQUEST_BUCKETS,
  })
  metrics.gauge({ name: 'bunova_bus_up', help: 'Whether messages flow.' }, async () => [{ labels: {}, value: Number(await bus.health()) }])
  return {
    publish(topic, message) {
      messages.inc({ topic: kindOf(topic), how: 'publish' })
      return bus.publish(topic, message)
    },
    broadcast(topic, message) {
      messages.inc({ topic: kindOf(topic), how: 'broadcast' })
      return bus.broadcast(topic, message)
    },
    async call(topic, request, options) {
      const began = performance.now()
      const ended = (result: string) => calls.observe({ topic: kindOf(topic), result }, (performance.now() - began) / 1000)
      try {
        const answer = await bus.call(topic, request, options)
        ended('answered')
        return answer
      } catch (error) {
        ended(error instanceof BusTimeout ? 'silence' : 'failed')
        throw error
      }
    },
    consume: (topic, options, handler) => bus.consume(topic, options, handler),
    listen: (topic, handler) => bus.listen(topic, handler),
    serve: (topic, options, handler) => bus.serve(topic, options, handler),
    health: () => bus.health(),
    close: () => bus.close(),
  }
}

/** Names of hosts and cells would make a time series each. */
const kindOf = (topic: string): string => topic.split('.', 1)[0] ?? topic

/** @returns what is to be told of each request that was answered. */
export function requestMetrics(metrics: Metrics): (request: ServedRequest) => void {
  const requests = metrics.counter({
    name: 'bunova_http_requests_total',
    help: 'Requests answered, by route and status.',
    labels: ['api', 'method', 'route', 'status'],
  })
  const durations = metrics.histogram({
    name: 'bunova_http_request_seconds',
    help: 'Time to the answer of a request.',
    labels: ['api', 'method'],
    buckets: REQUEST_BUCKETS,
  })
  return ({ face: api, method, route, status, seconds }) => {
    requests.inc({ api, method, route, status })
    durations.observe({ api, method }, seconds)
  }
}

/** @returns what is to be told of each decision. */
export function decisionMetrics(metrics: Metrics): (decided: Decided) => void {
  const decisions = metrics.counter({
    name: 'bunova_scheduler_decisions_total',
    help: 'Decisions made, by whether a host was found.',
    labels: ['result'],
  })
  const durations = metrics.histogram({
    name: 'bunova_scheduler_decision_seconds',
    help: 'Time of a decision, without its way over the bus.',
    buckets: DECISION_BUCKETS,
  })
  return ({ placed, seconds }) => {
    decisions.inc({ result: placed ? 'placed' : 'no_valid_host' })
    durations.observe({}, seconds)
  }
}

export function measureScheduler(scheduler: Pick<Scheduler, 'lag' | 'hostCount'>, metrics: Metrics): void {
  metrics.gauge({ name: 'bunova_scheduler_hosts', help: 'Hosts that this scheduler knows.' }, () => [
    { labels: {}, value: scheduler.hostCount() },
  ])
  metrics.gauge(
    {
      name: 'bunova_scheduler_lag_seconds',
      help: 'By how much the hosts of a cell may lie behind its database; +Inf before they were read.',
      labels: ['cell'],
    },
    () => scheduler.lag().map(({ cell_id, lag_s }) => ({ labels: { cell: cell_id }, value: lag_s })),
  )
}

/** @returns what is to be told of each run of a task. */
export function taskMetrics(metrics: Metrics): (end: TaskEnd) => void {
  const durations = metrics.histogram({
    name: 'bunova_task_run_seconds',
    help: 'Runs of durable tasks, by kind and by whether they came to their end or stopped to go on later.',
    labels: ['kind', 'result'],
    buckets: TASK_BUCKETS,
  })
  return ({ kind, ended, seconds }) => durations.observe({ kind, result: ended ? 'ended' : 'stopped' }, seconds)
}

export function measureConductor(conductor: Pick<Conductor, 'load'>, metrics: Metrics): void {
  metrics.gauge(
    { name: 'bunova_tasks', help: 'Tasks of a database that run here or wait in line here.', labels: ['database', 'state'] },
    () =>
      conductor.load().flatMap(({ database, running, waiting }) => [
        { labels: { database, state: 'running' }, value: running },
        { labels: { database, state: 'waiting' }, value: waiting },
      ]),
  )
}

/** `GET /metrics` on the port of the APIs, for those that may see it. */
export function metricsFace(metrics: Metrics, authenticate: (call: Call) => RequestContext, policy: Policy): Face {
  return {
    name: 'nova-api',
    prefix: '/metrics',
    routes: [
      {
        method: 'GET',
        path: '',
        async handle(call) {
          policy.enforce('bunova:metrics', authenticate(call))
          return { status: 200, raw: await metrics.text(), headers: { 'content-type': METRICS_CONTENT_TYPE } }
        },
      },
    ],
    fault: ({ kind, message }) => ({ status: STATUS[kind][0], body: { message } }),
  }
}

/** Who may see what the process counts. */
export const metricsPolicy = {
  'bunova:metrics': {
    check: 'rule:context_is_admin',
    description: 'See the metrics of the api process.',
    scope_types: ['project'],
  },
} satisfies RuleDefaults
