import { describe, expect, test } from 'bun:test'
import { createMetrics } from './metrics.ts'
import { serveMetrics } from './serve.ts'

describe('metrics', () => {
  test('come in the text form, labels escaped, each process by itself', async () => {
    const [metrics, other] = [createMetrics(), createMetrics()]
    for (const each of [metrics, other]) {
      const counter = each.counter({ name: 'sheep_total', help: 'Sheep.', labels: ['colour'] })
      if (each === metrics) counter.inc({ colour: 'bl"ack\n' }, 2)
    }
    expect(await metrics.text()).toBe('# HELP sheep_total Sheep.\n# TYPE sheep_total counter\nsheep_total{colour="bl\\"ack\\n"} 2\n')
    expect(await other.text()).not.toContain('ack')
  })

  test('a histogram counts into buckets', async () => {
    const metrics = createMetrics()
    const seconds = metrics.histogram({ name: 'nap_seconds', help: 'Naps.', buckets: [0.1, 1] })
    for (const value of [0.05, 0.5, 5]) seconds.observe({}, value)
    const text = await metrics.text()
    expect(text).toContain('nap_seconds_bucket{le="0.1"} 1\nnap_seconds_bucket{le="1"} 2\nnap_seconds_bucket{le="+Inf"} 3')
    expect(text).toContain('nap_seconds_sum 5.55\nnap_seconds_count 3')
  })

  test('a gauge is read when it is asked for, and forgets what is no more', async () => {
    const metrics = createMetrics()
    let cells = ['a', 'b']
    metrics.gauge({ name: 'lag_seconds', help: 'Lag.', labels: ['cell'] }, () =>
      cells.map((cell) => ({ labels: { cell }, value: Infinity })),
    )
    expect(await metrics.text()).toContain('lag_seconds{cell="a"} +Inf\nlag_seconds{cell="b"} +Inf')
    cells = ['b']
    expect(await metrics.text()).not.toContain('cell="a"')
  })

  test('a gauge that fails or does not answer is left out, and the rest told', async () => {
    const metrics = createMetrics()
    metrics.gauge({ name: 'broken', help: 'B.' }, () => Promise.reject(new Error('away')))
    metrics.gauge({ name: 'silent', help: 'S.' }, () => new Promise<never>(() => {}))
    metrics.gauge({ name: 'fine', help: 'F.' }, () => [{ labels: {}, value: 1 }])
    const lines = (await metrics.text()).split('\n').filter((line) => /^\w/.test(line))
    expect(lines).toEqual(['fine 1'])
  })
})

describe('an address of their own', () => {
  test('serves them to whoever asks, and nothing else', async () => {
    const metrics = createMetrics()
    metrics.gauge({ name: 'fine', help: 'F.' }, () => [{ labels: {}, value: 1 }])
    const server = serveMetrics(metrics, '127.0.0.1:0')
    try {
      const answer = await fetch(`${server.url}/metrics`)
      expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining('fine 1')])
      expect((await fetch(`${server.url}/metrics`, { method: 'POST' })).status).toBe(404)
      expect((await fetch(server.url)).status).toBe(404)
      expect(() => serveMetrics(metrics, new URL(server.url).host)).toThrow('metrics_listen: cannot listen on 127.0.0.1:')
    } finally {
      await server.stop()
    }
  })

  test.each(['9774', '127.0.0.1:', '127.0.0.1:99999', 'http://127.0.0.1:1'])('%s is refused, and what is expected said', (listen) => {
    expect(() => serveMetrics(createMetrics(), listen)).toThrow('expected ADDRESS:PORT')
  })
})
