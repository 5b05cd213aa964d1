import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type CloudProcess, clientEnvironment, startCloudProcess } from '../../support/cloud-process.ts'
import { has } from '../../support/requirements.ts'
import { type Clients, complaint, startClients, type Step, stepsOf } from './clients.ts'

/** A server that is asked to change its state has done so by then. */
const WAIT_S = 60
const LIST_TIMEOUT_MS = 480_000

/** The real clients, unmodified, with every command that they have for what this cloud offers. */
describe.if(has('clients'))('python-openstackclient, osc-placement and python-novaclient', () => {
  let cloud: CloudProcess
  const content = Buffer.alloc(1 << 20, 'image ')

  beforeAll(async () => {
    cloud = await startCloudProcess({
      args: ['--compute-driver', 'fake', '--fake-hosts', '4'],
      // Each command logs in, and the cheapest hash is as good for that.
      config: '[DEFAULT]\nhost = cmp\n[identity]\npassword_hash_rounds = 4\n',
    })
    writeFileSync(join(cloud.statePath, 'file.raw'), content)
  }, 120_000)
  afterAll(() => cloud?.remove(), 60_000)

  /** @returns what was not as it should be, all of it: one command that fails says little about those behind it. */
  async function walk(list: string): Promise<string[]> {
    const clients = startClients(clientEnvironment(cloud.statePath))
    const places = { file: join(cloud.statePath, 'file.raw'), out: join(cloud.statePath, 'out.raw') }
    const complaints: string[] = []
    try {
      for (const step of stepsOf(list, places)) {
        const waits = step.command.startsWith('wait ')
        const wrong = waits ? await waited(clients, step) : complaint(step, await clients.run(step.command))
        if (wrong !== null) complaints.push(wrong)
      }
    } finally {
      await clients.stop()
    }
    return complaints
  }

  /** `wait server STATUS` */
  async function waited(clients: Clients, { command }: Step): Promise<string | null> {
    const [, server = '', status = ''] = command.split(' ')
    const deadline = Date.now() + WAIT_S * 1000
    for (;;) {
      const { code, out, err } = await clients.run(`openstack server show ${server} -f value -c status`)
      if (code === 0 && out.trim() === status) return null
      if (code !== 0 || out.trim() === 'ERROR' || Date.now() > deadline) return `${command}: ${out}${err}`
    }
  }

  test('do all that operators ask, and what members ask for the life of a server', async () => {
    const lists = await Promise.all([walk('operator.commands'), walk('member.commands')])
    expect(lists.flat()).toEqual([])
    expect(readFileSync(join(cloud.statePath, 'out.raw')).equals(content)).toBe(true)
  }, LIST_TIMEOUT_MS)
})
