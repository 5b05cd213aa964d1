import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { eventually } from './support/eventually.ts'
import { has } from './support/requirements.ts'

/** Each of these starts a database from nothing, which a slow disk makes long. */
const TIMEOUT_MS = 180_000
setDefaultTimeout(TIMEOUT_MS)

interface Run {
  readonly process: Bun.Subprocess<'ignore', 'pipe', 'pipe'>
  /** What it has written so far. */
  text(): string
  statePath(): string
}

const runs: Run[] = []

afterEach(async () => {
  for (const { process } of runs.splice(0)) {
    process.kill('SIGTERM')
    await process.exited
  }
})

function quickstart(args: string[], env: Record<string, string> = {}): Run {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, '../src/cli/quickstart/main.ts'), ...args], {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    env: { ...process.env, ...env },
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    const decoder = new TextDecoder()
    void (async () => {
      for await (const chunk of stream) text += decoder.decode(chunk, { stream: true })
    })()
  }
  const run = {
    process: child,
    text: () => text,
    statePath: () => /\. (\/\S+)\/openrc/.exec(text)?.[1] ?? '',
  }
  runs.push(run)
  return run
}

/** Waits for a text, or for an end without it. */
async function written(run: Run, expected: string): Promise<void> {
  await eventually(async () => {
    if (run.process.exitCode === null) expect(run.text()).toContain(expected)
  }, 120)
  expect(run.text()).toContain(expected)
}

async function virsh(run: Run): Promise<string> {
  const socket = join(run.statePath(), 'libvirt/run/libvirt-sock')
  return Bun.$`virsh -q -c qemu+unix:///system?socket=${socket} list --name`.text()
}

test('the help is printed, and a wrong option is refused with it', async () => {
  const help = quickstart(['--help'])
  expect(await help.process.exited).toBe(0)
  expect(help.text()).toContain('bun run quickstart')
  const wrong = quickstart(['--frobnicate'])
  expect(await wrong.process.exited).toBe(2)
  expect(wrong.text()).toContain("'--frobnicate'")
})

describe.if(has('libvirt'))('on a real hypervisor', () => {
  test('it boots a server, shows its console, and takes all of it back at Ctrl-C', async () => {
    const run = quickstart(['--no-install', '--listen', '127.0.0.1:0'])
    await written(run, 'Ctrl-C ends it all')
    for (const stage of ['packages', 'hypervisor', 'image', 'cloud', 'upload', 'flavor', 'server', 'console']) {
      expect(run.text()).toMatch(new RegExp(`^  ${stage} .* \\d+\\.\\d s$`, 'm'))
    }
    expect(run.text()).toContain('tiny-guest boot=1 sectors=2097152')
    expect(run.text()).not.toContain('simulated')
    expect(await virsh(run)).toMatch(/^instance-\d{8}$/m)

    run.process.kill('SIGINT')
    expect(await run.process.exited).toBe(0)
    expect(run.text()).toContain('everything is taken back')
    expect(existsSync(run.statePath())).toBe(false)
  })

  test('Ctrl-C in the middle takes back what was made so far', async () => {
    const run = quickstart(['--no-install', '--listen', '127.0.0.1:0'])
    await written(run, 'hypervisor')
    run.process.kill('SIGINT')
    expect(await run.process.exited).toBe(130)
    expect(run.text()).toContain('everything is taken back')
  })
})

describe('without libvirt', () => {
  // Only Bun is found here, so that the packages count as missing.
  const env = { PATH: dirname(process.execPath) }

  test('it goes on with simulated hosts and says why', async () => {
    const run = quickstart(['--no-install', '--listen', '127.0.0.1:0'], env)
    await written(run, 'Ctrl-C ends it all')
    expect(run.text()).toContain('The hosts are simulated:')
    expect(run.text()).toContain('first is ACTIVE')
    run.process.kill('SIGINT')
    expect(await run.process.exited).toBe(0)
  })

  test('a stage that fails is named with its reason and what to do, after the clean-up', async () => {
    const taken = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => {} } })
    const run = quickstart(['--no-install', '--listen', `127.0.0.1:${taken.port}`], env)
    expect(await run.process.exited).toBe(1)
    taken.stop(true)
    expect(run.text()).toContain('The stage "cloud" failed:')
    expect(run.text()).toContain('What to do:')
    expect(run.text()).toContain('everything is taken back')
  })
})
