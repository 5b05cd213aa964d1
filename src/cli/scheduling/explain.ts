import { parseArgs } from 'node:util'
import { run, UsageError } from '../run.ts'
import { type Scheduling, schedulingReport } from './report.ts'
import { findServer, openSession, SESSION_OPTIONS, SESSION_USAGE } from './session.ts'

const USAGE = `Says why a server is where it is, or why it found no host.

  bun run explain SERVER [options]

  SERVER              name or id
${SESSION_USAGE}

Admins see the hosts and what each weigher gave them; others see numbers and reasons.`

async function explain(args: string[]): Promise<string> {
  const { values, positionals } = parseArgs({ args, options: SESSION_OPTIONS, allowPositionals: true })
  const [wanted, ...more] = positionals
  if (!wanted || more.length > 0) throw new UsageError('name one server')
  const client = await openSession(values)
  const server = await findServer(client, wanted)
  const path = `/servers/${server.id}/os-scheduling`
  const answer = await client.request<{ scheduling: Scheduling }>('compute', 'GET', path)
  return values.json ? JSON.stringify(answer, null, 2) : schedulingReport(server.name, answer.scheduling)
}

process.exitCode = await run(USAGE, Bun.argv.slice(2), explain)
