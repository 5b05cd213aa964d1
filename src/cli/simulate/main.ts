import { parseArgs } from 'node:util'
import { type Config, loadConfig } from '../../platform/config/index.ts'
import { policyOf } from '../../scheduler/index.ts'
import { run, UsageError } from '../run.ts'
import { readArrivals, readSizes, USUAL_SIZES } from './arrivals.ts'
import { fillChart } from './chart.ts'
import { outcomeReport } from './report.ts'
import { type HostSize, simulate } from './simulation.ts'

const USAGE = `Replays servers that come and go through the scheduler, without a cloud, and says how it went.

  bun run simulate --hosts N --arrivals FILE|poisson:… [options]

  --hosts N           so many hosts, all alike
  --host-size WORDS   default vcpus=64,memory_mb=262144,local_gb=4000
  --arrivals FILE     comma-separated lines under at_s,lifetime_s,vcpus,memory_mb,disk_gb; an empty
                      lifetime is for ever
  --arrivals poisson:rate=20/h,lifetime=48h,for=14d
                      random ones: so many in a time, staying so long on average, for so long
  --sizes LIST        of random servers, vcpus:memory_mb:disk_gb:share,…; default 40 % of 1:2048:20,
                      30 % of 2:4096:40, 20 % of 4:8192:80, 10 % of 8:16384:160
  --seed S            a whole number; the same gives the same replay. Default 1
  --policy FILE       a nova.conf: filters, weighers and allocation ratios are taken from it
  --svg FILE          where the picture of the fill goes; default simulation.svg
  --json              the outcome as JSON, moments of the picture included
  --help              this text

Latencies are of this run on this machine; all else repeats exactly.`

const MAX_HOSTS = 100_000
const DEFAULT_SIZE = { vcpus: 64, memory_mb: 262_144, local_gb: 4_000 }

async function command(args: string[]): Promise<string> {
  const { values } = parseArgs({
    args,
    options: {
      hosts: { type: 'string' },
      'host-size': { type: 'string', default: '' },
      arrivals: { type: 'string' },
      sizes: { type: 'string' },
      seed: { type: 'string', default: '1' },
      policy: { type: 'string' },
      svg: { type: 'string', default: 'simulation.svg' },
      json: { type: 'boolean', default: false },
    },
  })
  if (values.hosts === undefined || values.arrivals === undefined) throw new UsageError('say --hosts and --arrivals')
  const hosts = wholeNumber('--hosts', values.hosts, MAX_HOSTS)
  const seed = wholeNumber('--seed', values.seed, 2 ** 31 - 1)
  // Nothing of this machine's own configuration: the replay is to be the same elsewhere.
  const { config, warnings } = loadConfig({ files: values.policy === undefined ? [] : [values.policy], env: {} })
  for (const warning of warnings) console.error(`warning: ${warning}`)
  const size = hostSize(values['host-size'], config)
  const arrivals = await readArrivals(values.arrivals, seed, values.sizes === undefined ? USUAL_SIZES : readSizes(values.sizes))

  const progress = showProgress(arrivals.length)
  const outcome = await simulate({ hosts, size, arrivals, policy: policyOf(config), seed, progress })
  const { vcpus, memory_mb, local_gb } = size
  const picture = fillChart(outcome, `${vcpus} vCPU, ${memory_mb / 1024} GiB RAM and ${local_gb} GB disk each`)
  await Bun.write(values.svg, picture)
  if (values.json) return JSON.stringify(outcome, null, 2)
  return `${outcomeReport(outcome)}\n\nThe fill over time is drawn in ${values.svg}.`
}

function wholeNumber(option: string, text: string, most: number): number {
  if (!/^\d+$/.test(text) || Number(text) > most) throw new UsageError(`${option} ${text}: expected a whole number up to ${most}`)
  return Number(text)
}

function hostSize(words: string, { DEFAULT: ratios }: Config): HostSize {
  const size = { ...DEFAULT_SIZE }
  for (const word of words === '' ? [] : words.split(',')) {
    const [, key, value] = /^(vcpus|memory_mb|local_gb)=(\d{1,9})$/.exec(word) ?? []
    if (!key) throw new UsageError(`--host-size: '${word}' is none of vcpus=64, memory_mb=262144, local_gb=4000`)
    size[key as keyof typeof size] = Number(value)
  }
  return {
    ...size,
    cpu_allocation_ratio: ratios.cpu_allocation_ratio ?? ratios.initial_cpu_allocation_ratio,
    ram_allocation_ratio: ratios.ram_allocation_ratio ?? ratios.initial_ram_allocation_ratio,
    disk_allocation_ratio: ratios.disk_allocation_ratio ?? ratios.initial_disk_allocation_ratio,
  }
}

const PROGRESS_EVERY_MS = 500

/** A line that is written over and over, on a terminal only. */
function showProgress(total: number): (done: number) => Promise<void> {
  let toldAt = performance.now()
  return async (done) => {
    if (!process.stderr.isTTY || (done < total && performance.now() - toldAt < PROGRESS_EVERY_MS)) return
    toldAt = performance.now()
    process.stderr.write(done < total ? `\r${Math.floor((100 * done) / total)} % of ${total} servers` : '\r\x1b[K')
    // So that Ctrl-C is heard.
    await new Promise(setImmediate)
  }
}

process.exitCode = await run(USAGE, Bun.argv.slice(2), command)
