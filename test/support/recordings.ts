import { join } from 'node:path'

/** What an unmodified client and a real service said to each other. */
export interface Exchange {
  readonly command: string
  readonly method: string
  readonly path: string
  readonly query: string
  readonly request: unknown
  readonly status: number
  /** Null also for a page of HTML. */
  readonly response: unknown
}

/** The exchanges with one service, in order. */
export async function exchangesWith(service: 'identity' | 'image' | 'network' | 'placement'): Promise<Exchange[]> {
  const text = await Bun.file(join(import.meta.dir, `../fixtures/${service}.jsonl`)).text()
  return text.trim().split('\n').map((line) => JSON.parse(line) as Exchange)
}

/** Ids of a recording, and what stands for them here. */
export class Stands {
  readonly #ours = new Map<string, string>()

  constructor(private readonly id: RegExp) {}

  set(recorded: string, ours: string): void {
    this.#ours.set(recorded, ours)
  }

  /** The text of a recording with our ids in it. */
  here(text: string): string {
    return [...this.#ours].reduce((result, [recorded, ours]) => result.replaceAll(recorded, ours), text)
  }

  /** Notes which of our ids an id of the recorded answer stands for. */
  pair(recorded: unknown, ours: unknown): void {
    if (typeof recorded === 'string' && typeof ours === 'string') {
      if (this.id.test(recorded) && this.id.test(ours)) this.set(recorded, ours)
    } else if (Array.isArray(recorded) && Array.isArray(ours)) {
      if (recorded.length === 1 && ours.length === 1) this.pair(recorded[0], ours[0])
    } else if (isObject(recorded) && isObject(ours)) {
      for (const key of Object.keys(recorded)) this.pair(recorded[key], ours[key])
    }
  }
}

export interface Allowances {
  /** Keys that depend on what the thing has, not on the kind of answer. */
  readonly optional?: ReadonlySet<string>
  /** Keys of the real service that no client reads. */
  readonly leftOut?: ReadonlySet<string>
}

/** Where ours has other keys or other types. Of a list, each recorded form must occur in ours. */
export function differences(recorded: unknown, ours: unknown, allowances: Allowances = {}, path = ''): string[] {
  const { optional = NONE, leftOut = NONE } = allowances
  if (Array.isArray(recorded)) {
    if (!Array.isArray(ours)) return [`${path} is no list`]
    return recorded.flatMap((item, index) => {
      const each = ours.map((own) => differences(item, own, allowances, `${path}[${index}]`))
      return each.some((found) => found.length === 0) ? [] : (each[0] ?? [`${path} is empty`])
    })
  }
  if (isObject(recorded)) {
    if (!isObject(ours)) return [`${path} is no object`]
    const surplus = Object.keys(ours).filter((key) => !(key in recorded) && !optional.has(key))
    const expected = Object.keys(recorded).filter((key) => key in ours || !(leftOut.has(key) || optional.has(key)))
    return [
      ...surplus.map((key) => `${path}.${key} is surplus`),
      ...expected.filter((key) => !(key in ours)).map((key) => `${path}.${key} is missing`),
      ...expected
        .filter((key) => key in ours)
        .flatMap((key) => differences(recorded[key], ours[key], allowances, `${path}.${key}`)),
    ]
  }
  if (recorded === null || ours === null || typeof recorded === typeof ours) return []
  return [`${path} is ${typeof ours} instead of ${typeof recorded}`]
}

const NONE: ReadonlySet<string> = new Set()

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
