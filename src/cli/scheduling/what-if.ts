import { parseArgs } from 'node:util'
import { run, UsageError } from '../run.ts'
import { type WhatIfAnswer, whatIfReport } from './report.ts'
import { findFlavor, findImage, openSession, SESSION_OPTIONS, SESSION_USAGE } from './session.ts'
import { readAdded, readCount, readHints } from './words.ts'

const USAGE = `Says where servers would go, how many more of them fit, and what stands in the way. Nothing is made.

  bun run what-if --flavor FLAVOR --image IMAGE [options]
  bun run what-if --body FILE [options]

  --flavor FLAVOR     name or id
  --image IMAGE       name or id
  --count N           so many servers; default 1
  --zone ZONE         an availability zone; for admins also ZONE:HOST or ZONE:HOST:NODE
  --hint KEY=VALUE    a scheduler hint, may be repeated: same_host=ID, different_host=ID, query=JSON …
  --down HOST         as if that host were down, may be repeated
  --disabled HOST     as if it were disabled, may be repeated
  --add WORDS         as if there were more hosts, may be repeated: like=HOST,count=4 or
                      vcpus=64,memory_mb=262144,local_gb=2000,cpu_allocation_ratio=4
  --body FILE         the body of a create request, with "assume" beside "server"; - is standard input
${SESSION_USAGE}

Only admins may assume something of hosts, and see them by name.`

const OPTIONS = {
  ...SESSION_OPTIONS,
  flavor: { type: 'string' },
  image: { type: 'string' },
  count: { type: 'string', default: '1' },
  zone: { type: 'string' },
  hint: { type: 'string', multiple: true, default: [] as string[] },
  down: { type: 'string', multiple: true, default: [] as string[] },
  disabled: { type: 'string', multiple: true, default: [] as string[] },
  add: { type: 'string', multiple: true, default: [] as string[] },
  body: { type: 'string' },
} as const

async function whatIf(args: string[]): Promise<string> {
  const { values } = parseArgs({ args, options: OPTIONS })
  const { body: file, flavor, image } = values
  const described = flavor !== undefined && image !== undefined
  if ((file === undefined) !== described) throw new UsageError('say --flavor and --image, or --body')
  const [count, hints, added] = [readCount(values.count), readHints(values.hint), values.add.map(readAdded)]
  const given = file === undefined ? null : await readBody(file)
  const client = await openSession(values)

  const { down, disabled } = values
  const assumed = down.length + disabled.length + added.length > 0
  const body = given ?? {
    server: {
      name: 'what-if',
      flavorRef: (await findFlavor(client, flavor!)).id,
      imageRef: (await findImage(client, image!)).id,
      min_count: count,
      ...(values.zone === undefined ? {} : { availability_zone: values.zone }),
    },
    ...(Object.keys(hints).length > 0 ? { 'os:scheduler_hints': hints } : {}),
    ...(assumed ? { assume: { down, disabled, added } } : {}),
  }
  const answer = await client.request<{ what_if: WhatIfAnswer }>('compute', 'POST', '/os-scheduling/what-if', body)
  return values.json ? JSON.stringify(answer, null, 2) : whatIfReport(answer.what_if)
}

async function readBody(file: string): Promise<unknown> {
  const text = await (file === '-' ? Bun.stdin : Bun.file(file)).text()
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Error(`${file}: not JSON: ${(error as Error).message}`, { cause: error })
  }
}

process.exitCode = await run(USAGE, Bun.argv.slice(2), whatIf)
