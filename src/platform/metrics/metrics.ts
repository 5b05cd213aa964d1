import { Counter, Gauge, Histogram, Registry } from 'prom-client'

/** Prometheus' text form, version 0.0.4. */
export const METRICS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

interface Declared<L extends string> {
  /** Prometheus' rules: snake_case, the unit last, `_total` for counters. */
  readonly name: string
  readonly help: string
  readonly labels?: readonly L[]
}

type Labels<L extends string> = Readonly<Record<L, string | number>>

/** What a process counts. One for each cloud, so that two in one process do not count for each other. */
export interface Metrics {
  counter<L extends string = never>(declared: Declared<L>): { inc(labels: Labels<L>, by?: number): void }
  /** @param buckets upper bounds in seconds */
  histogram<L extends string = never>(
    declared: Declared<L> & { readonly buckets: readonly number[] },
  ): { observe(labels: Labels<L>, value: number): void }
  /**
   * What is looked up when somebody asks. One that fails, or takes longer than a second, is left out of that answer
   * and fails nothing else.
   */
  gauge<L extends string = never>(
    declared: Declared<L>,
    read: () => Sample<L>[] | Promise<Sample<L>[]>,
  ): void
  /** All of it, for a scraper. */
  text(): Promise<string>
}

export interface Sample<L extends string> {
  readonly value: number
  readonly labels: Labels<L>
}

const READ_DEADLINE_MS = 1_000

export function createMetrics(): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const base = <L extends string>({ name, help, labels = [] }: Declared<L>) => ({
    name,
    help,
    labelNames: [...labels],
    registers,
  })
  return {
    counter(declared) {
      const counter = new Counter(base(declared))
      return { inc: (labels, by = 1) => counter.inc(labels, by) }
    },
    histogram(declared) {
      const histogram = new Histogram({ ...base(declared), buckets: [...declared.buckets] })
      return { observe: (labels, value) => histogram.observe(labels, value) }
    },
    gauge(declared, read) {
      new Gauge({
        ...base(declared),
        async collect() {
          this.reset()
          // One without labels would be reset to 0, which is not what is known of it.
          if (!declared.labels?.length) this.remove()
          for (const { labels, value } of await withinDeadline(read)) this.set(labels, value)
        },
      })
    },
    text: () => registry.metrics(),
  }
}

async function withinDeadline<T>(read: () => T[] | Promise<T[]>): Promise<T[]> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<T[]>((resolve) => (timer = setTimeout(resolve, READ_DEADLINE_MS, [])))
  try {
    return await Promise.race([read(), late])
  } catch {
    return []
  } finally {
    clearTimeout(timer)
  }
}
