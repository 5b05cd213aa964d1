import { seededRandom, type Random } from '../../scheduler/index.ts'
import { UsageError } from '../run.ts'

/** One server of the replay: when it is asked for, for how long it stays, and what it takes. */
export interface Arrival {
  /** Seconds from the start. */
  readonly at_s: number
  /** Infinity for a server that stays. */
  readonly lifetime_s: number
  readonly vcpus: number
  readonly memory_mb: number
  readonly disk_gb: number
}

export interface Size extends Pick<Arrival, 'vcpus' | 'memory_mb' | 'disk_gb'> {
  /** How often it is asked for, beside the others. */
  readonly share: number
}

/** Much like Nova's first flavors, small ones most. */
export const USUAL_SIZES: readonly Size[] = [
  { vcpus: 1, memory_mb: 2_048, disk_gb: 20, share: 40 },
  { vcpus: 2, memory_mb: 4_096, disk_gb: 40, share: 30 },
  { vcpus: 4, memory_mb: 8_192, disk_gb: 80, share: 20 },
  { vcpus: 8, memory_mb: 16_384, disk_gb: 160, share: 10 },
]

/** Most servers of one replay. */
export const MAX_ARRIVALS = 5_000_000
const MAX_FILE_BYTES = 512 * 2 ** 20

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 }

/** `90s`, `30m`, `48h`, `7d`, in seconds. @throws {UsageError} */
export function readDuration(text: string, what: string): number {
  const [, number, unit = 's'] = /^(\d+(?:\.\d+)?)([smhd])$/.exec(text) ?? []
  if (number === undefined || !(Number(number) > 0)) throw new UsageError(`${what}: '${text}' is no duration like 30m, 48h or 7d`)
  return Number(number) * UNITS[unit]!
}

/** `vcpus:memory_mb:disk_gb:share,…` @throws {UsageError} */
export function readSizes(text: string): Size[] {
  return text.split(',').map((word) => {
    const [vcpus, memory_mb, disk_gb, share = 1, ...more] = word.split(':').map(Number)
    const whole = [vcpus, memory_mb, disk_gb].every((value) => Number.isInteger(value) && value! >= 0 && value! < 2 ** 30)
    if (!whole || !(share > 0) || more.length > 0) {
      throw new UsageError(`--sizes: '${word}' is not vcpus:memory_mb:disk_gb:share, as in 2:4096:40:30`)
    }
    return { vcpus: vcpus!, memory_mb: memory_mb!, disk_gb: disk_gb!, share }
  })
}

/**
 * Arrivals from what `--arrivals` says: a file, or `poisson:rate=20/h,lifetime=48h,for=14d`.
 * @throws {UsageError} that names what is wrong, in a file by its line
 */
export async function readArrivals(text: string, seed: number, sizes: readonly Size[]): Promise<Arrival[]> {
  if (text.startsWith('poisson:')) return poisson(readPoisson(text), seededRandom(seed), sizes)
  const file = Bun.file(text)
  if (!(await file.exists())) throw new UsageError(`--arrivals: there is no file ${text}; for random ones say poisson:rate=20/h,…`)
  if (file.size > MAX_FILE_BYTES) throw new UsageError(`--arrivals: ${text} is larger than ${MAX_FILE_BYTES} bytes`)
  return readTable(await file.text(), text)
}

interface Poisson {
  readonly per_s: number
  readonly lifetime_s: number
  readonly for_s: number
}

function readPoisson(text: string): Poisson {
  const given = new Map<string, string>()
  for (const word of text.slice('poisson:'.length).split(',')) {
    const [, key, value] = /^(rate|lifetime|for)=(.+)$/.exec(word) ?? []
    if (!key || !value) throw new UsageError(`--arrivals: '${word}' is none of rate=20/h, lifetime=48h, for=14d`)
    given.set(key, value)
  }
  const [, number, unit] = /^(\d+(?:\.\d+)?)\/([smhd])$/.exec(given.get('rate') ?? '') ?? []
  if (!number || !unit || !(Number(number) > 0)) throw new UsageError('--arrivals: a poisson needs its rate, like rate=20/h')
  const wanted = {
    per_s: Number(number) / UNITS[unit]!,
    lifetime_s: readDuration(given.get('lifetime') ?? '48h', '--arrivals: lifetime'),
    for_s: readDuration(given.get('for') ?? '14d', '--arrivals: for'),
  }
  if (wanted.per_s * wanted.for_s > MAX_ARRIVALS) {
    throw new UsageError(`--arrivals: that would be ${Math.round(wanted.per_s * wanted.for_s)} servers; at most ${MAX_ARRIVALS}`)
  }
  return wanted
}

/** Independent arrivals at a steady rate, lifetimes with an exponential distribution. */
function poisson({ per_s, lifetime_s, for_s }: Poisson, random: Random, sizes: readonly Size[]): Arrival[] {
  const total = sizes.reduce((sum, { share }) => sum + share, 0)
  const exponential = (mean: number): number => -Math.log(1 - random()) * mean
  const arrivals: Arrival[] = []
  for (let at_s = exponential(1 / per_s); at_s < for_s; at_s += exponential(1 / per_s)) {
    let left = random() * total
    const size = sizes.find(({ share }) => (left -= share) < 0) ?? sizes.at(-1)!
    arrivals.push({ at_s, lifetime_s: exponential(lifetime_s), vcpus: size.vcpus, memory_mb: size.memory_mb, disk_gb: size.disk_gb })
  }
  return arrivals
}

const COLUMNS = ['at_s', 'lifetime_s', 'vcpus', 'memory_mb', 'disk_gb'] as const

/** Lines of comma-separated values under a line with their names; a lifetime left empty is for ever. */
function readTable(text: string, name: string): Arrival[] {
  const lines = text.split(/\r?\n/)
  const titles = lines[0]!.split(',').map((title) => title.trim())
  const places = COLUMNS.map((column) => titles.indexOf(column))
  const missing = COLUMNS.filter((_, index) => places[index] === -1)
  if (missing.length > 0) {
    throw new UsageError(`${name}:1: the first line names the columns ${COLUMNS.join(',')}; missing: ${missing.join(', ')}`)
  }
  const arrivals: Arrival[] = []
  for (const [index, line] of lines.entries()) {
    if (index === 0 || line.trim() === '') continue
    const cells = line.split(',')
    const row = COLUMNS.map((column, at) => number(cells[places[at]!]?.trim() ?? '', column, `${name}:${index + 1}`))
    const [at_s, lifetime_s, vcpus, memory_mb, disk_gb] = row as [number, number, number, number, number]
    arrivals.push({ at_s, lifetime_s, vcpus, memory_mb, disk_gb })
    if (arrivals.length > MAX_ARRIVALS) throw new UsageError(`${name}: more than ${MAX_ARRIVALS} servers`)
  }
  return arrivals.sort((left, right) => left.at_s - right.at_s)
}

function number(text: string, column: (typeof COLUMNS)[number], where: string): number {
  if (text === '' && column === 'lifetime_s') return Number.POSITIVE_INFINITY
  const value = text === '' ? Number.NaN : Number(text)
  const whole = column === 'at_s' || column === 'lifetime_s' || Number.isInteger(value)
  if (!(value >= 0) || value >= 2 ** 30 || !whole) throw new UsageError(`${where}: ${column} is '${text.slice(0, 40)}', expected a number from 0 up`)
  return value
}
