import { afterEach, beforeEach, expect, test } from 'bun:test'
import fc from 'fast-check'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AgentCommand } from '../src/contracts/index.ts'
import { newId } from '../src/kernel/index.ts'
import { silentLog } from '../src/platform/log/index.ts'
import {
  COMPACT_BYTES,
  type Journal,
  MAX_DESTROYED,
  openJournal,
  type Outcome,
  OUTCOMES_PER_SERVER,
} from './journal.ts'

let directory: string
let file: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'bunova-journal-'))
  file = join(directory, 'agent.journal')
})
afterEach(() => rmSync(directory, { recursive: true }))

const open = (durable = false): Journal => openJournal({ directory, durable, log: silentLog })
const RUNS: Outcome = { result: { power_state: 'running' } }
const GONE: Outcome = { result: { power_state: 'nostate' } }

function command(verb: 'power_on' | 'destroy', server_id: string, generation: number): AgentCommand {
  return { verb, server_id, generation, command_id: newId() }
}

test('a reopened journal knows what was begun and how it ended', async () => {
  const server = newId()
  const started = command('power_on', server, 3)
  const failed = command('power_on', server, 4)
  const begun = command('destroy', server, 7)
  const journal = open(true)
  const host = journal.host('one')
  await host.begin(started)
  await host.finish(started, RUNS)
  await host.begin(failed)
  await host.finish(failed, { failure: { kind: 'bad_request', message: 'no' } })
  await host.begin(begun)
  journal.close()

  const again = open().host('one')
  expect(again.generation(server)).toBe(7)
  expect(again.destroyed(server)).toBe(7)
  expect(again.outcome(server, started.command_id)).toEqual(RUNS)
  expect(again.outcome(server, failed.command_id)).toEqual({ failure: { kind: 'bad_request', message: 'no' } })
  expect(again.outcome(server, begun.command_id)).toBeUndefined()
})

test('hosts and servers know nothing of each other', async () => {
  const server = newId()
  const journal = open()
  await journal.host('one').begin(command('destroy', server, 5))
  expect(journal.host('two').generation(server)).toBe(-1)
  expect(journal.host('two').destroyed(server)).toBe(-1)
  expect(journal.host('one').generation(newId())).toBe(-1)
})

/** Steps on a few servers: begin a command, finish it or not. */
const steps = fc.array(
  fc.record({
    server: fc.constantFrom(newId(), newId(), newId()),
    verb: fc.constantFrom('power_on' as const, 'destroy' as const),
    generation: fc.nat(9),
    finished: fc.boolean(),
  }),
  { maxLength: 6 },
)

test('replayed up to any byte, it holds what its whole lines say: no fence is lower, no answer another', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (todo) => {
      rmSync(file, { force: true })
      const journal = open()
      const host = journal.host('one')
      // What must hold once the file is at least so long.
      const claims: { bytes: number; holds: (replayed: ReturnType<Journal['host']>) => void }[] = []
      const claim = (holds: (replayed: ReturnType<Journal['host']>) => void): void =>
        void claims.push({ bytes: statSync(file).size, holds })
      for (const { server, verb, generation, finished } of todo) {
        const one = command(verb, server, generation)
        await host.begin(one)
        claim((replayed) => {
          expect(replayed.generation(server)).toBeGreaterThanOrEqual(generation)
          if (verb === 'destroy') expect(replayed.destroyed(server)).toBeGreaterThanOrEqual(generation)
        })
        if (!finished) continue
        const outcome = verb === 'destroy' ? GONE : RUNS
        await host.finish(one, outcome)
        claim((replayed) => expect(replayed.outcome(server, one.command_id)).toEqual(outcome))
      }
      journal.close()

      const content = readFileSync(file)
      for (let cut = 0; cut <= content.length; cut++) {
        writeFileSync(file, content.subarray(0, cut))
        const replayed = open()
        for (const { bytes, holds } of claims) if (bytes <= cut) holds(replayed.host('one'))
        replayed.close()
      }
    }),
    { numRuns: 5 },
  )
}, 30_000)

test('remembers the last answers of a server, and not more', async () => {
  const server = newId()
  const host = open().host('one')
  const commands = Array.from({ length: OUTCOMES_PER_SERVER + 1 }, (_, n) => command('power_on', server, n))
  for (const one of commands) {
    await host.begin(one)
    await host.finish(one, RUNS)
  }
  expect(host.outcome(server, commands[0]!.command_id)).toBeUndefined()
  for (const one of commands.slice(1)) expect(host.outcome(server, one.command_id)).toEqual(RUNS)
})

test('the file stays bounded, and what counts of it is kept', async () => {
  const journal = open()
  const host = journal.host('one')
  const kept = command('power_on', newId(), 1)
  await host.begin(kept)
  await host.finish(kept, RUNS)
  const server = newId()
  let last = command('power_on', server, 0)
  for (let generation = 0; generation < 12_000; generation++) {
    last = command('power_on', server, generation)
    await host.begin(last)
    await host.finish(last, RUNS)
  }
  expect(statSync(file).size).toBeLessThan(COMPACT_BYTES + 1024)
  journal.close()
  const again = open().host('one')
  expect(again.outcome(kept.server_id, kept.command_id)).toEqual(RUNS)
  expect(again.outcome(server, last.command_id)).toEqual(RUNS)
  expect(again.generation(server)).toBe(11_999)
})

test('of destroyed servers those that went last are remembered', async () => {
  const journal = open()
  const host = journal.host('one')
  const servers = Array.from({ length: MAX_DESTROYED + 10 }, newId)
  for (const server of servers) await host.begin(command('destroy', server, 4))
  journal.close()
  const again = open().host('one')
  expect(servers.filter((server) => again.destroyed(server) === 4)).toEqual(servers.slice(10))
})

test('a damaged line costs itself only', async () => {
  const [one, other] = [command('power_on', newId(), 1), command('power_on', newId(), 2)]
  const journal = open()
  await journal.host('one').begin(one)
  await journal.host('one').begin(other)
  journal.close()
  const lines = readFileSync(file, 'utf8').split('\n')
  writeFileSync(file, [lines[0]!.slice(5), '{"host":"one"}', ...lines.slice(1)].join('\n'))
  const again = open().host('one')
  expect(again.generation(one.server_id)).toBe(-1)
  expect(again.generation(other.server_id)).toBe(2)
})
