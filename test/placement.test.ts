import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { testInstance } from '../agent/test-instance.ts'
import { agentTopic, HOST_EVENTS } from '../src/contracts/index.ts'
import { keptDecision } from '../src/conductor/index.ts'
import { newId, Problem } from '../src/kernel/index.ts'
import { startTestCell, TEST_FLAVOR, type TestCell, until } from './support/cell.ts'

for (const separate of [false, true]) {
  describe(separate ? 'with global and cell in two databases' : 'with global and cell in one database', () => {
    let cell: TestCell
    beforeAll(async () => {
      cell = await startTestCell({ hosts: 5, separate, vcpus: 16 })
    })
    afterAll(() => cell.stop())

    test('a server is built, stopped, started, rebooted and deleted, and nothing is left', async () => {
      const { id } = await cell.create()
      await cell.settled()
      const built = await cell.cells.find(id)
      expect(built?.cell?.id).toBe('cell1')
      expect(built?.server).toMatchObject({ vm_state: 'active', task_state: null, power_state: 1 })
      expect(built?.server.vifs[0]?.fixed_ips[0]?.ip_address).toMatch(/^10\.0\./)
      for (const [kind, state] of [['server.stop', 'stopped'], ['server.start', 'active']] as const) {
        await cell.request(kind, id)
        await cell.settled()
        expect((await cell.cells.find(id))?.server.vm_state).toBe(state)
      }
      await cell.request('server.reboot', id, { type: 'SOFT' })
      await cell.settled()
      await cell.remove(id)
      await cell.settled()
      expect(await cell.cells.find(id)).toBeNull()
      expect(await cell.leftovers()).toEqual([])
    })

    test('200 servers asked for at once fill 80 places and not one more', async () => {
      const asked = await Promise.all(Array.from({ length: 200 }, () => cell.create()))
      await cell.settled(60)
      expect(await cell.unbalanced()).toEqual([])
      const states = await Promise.all(asked.map(async ({ id }) => (await cell.cells.find(id))?.server))
      expect(states.filter((server) => server?.vm_state === 'active')).toHaveLength(80)
      const failed = states.filter((server) => server?.vm_state === 'error')
      expect(failed).toHaveLength(120)
      for (const server of failed) expect(server?.fault?.message).toMatch(/^No valid host was found/)
      await Promise.all(asked.map(({ id }) => cell.remove(id)))
      await cell.settled(60)
      expect(await cell.leftovers()).toEqual([])
    }, 120_000)
  })
}

describe('a cell', () => {
  let cell: TestCell
  beforeAll(async () => {
    cell = await startTestCell({ hosts: 3, traits: ['CUSTOM_FAST'] })
  })
  afterAll(() => cell.stop())

  test('a fault says how many hosts lack what', async () => {
    const { id } = await cell.create({ flavor: { ...TEST_FLAVOR, memory_mb: 999_999_999 } })
    await cell.settled()
    expect((await cell.cells.find(id))?.server.fault?.message).toBe(
      'No valid host was found: 3 of 3 hosts lack 999999999 MB RAM (best has 262144 MB free).',
    )
    await cell.remove(id)
    await cell.settled()
  })

  test('places a server by traits that its flavor requires or forbids', async () => {
    const create = (trait: string, value: string) =>
      cell.create({ flavor: { ...TEST_FLAVOR, extra_specs: { [`trait:${trait}`]: value } } })
    const placed = [await create('CUSTOM_FAST', 'required'), await create('HW_ARCH_X86_64', 'required')]
    const refused = [await create('HW_CPU_X86_AVX2', 'required'), await create('CUSTOM_FAST', 'forbidden')]
    await cell.settled()
    const states = await Promise.all(
      [...placed, ...refused].map(async ({ id }) => (await cell.cells.find(id))?.server.vm_state),
    )
    expect(states).toEqual(['active', 'active', 'error', 'error'])
    expect((await cell.cells.find(refused[0]!.id))?.server.fault?.message).toBe(
      'No valid host was found: 3 of 3 hosts lack a required trait: HW_CPU_X86_AVX2.',
    )
    await Promise.all([...placed, ...refused].map(({ id }) => cell.remove(id)))
    await cell.settled()
  })

  test('places a server with, or apart from, those that its hints name, and by what hosts are', async () => {
    const first = await cell.create()
    await cell.settled()
    const hostOf = async (id: string) => (await cell.cells.find(id))?.server.host
    const host = await hostOf(first.id)
    const apart = await cell.create({}, { different_host: [first.id] })
    const together = await cell.create({}, { same_host: [first.id] })
    const asked = await cell.create({}, { query: JSON.stringify(['=', '$host', host]) })
    const nowhere = await cell.create({}, { same_host: [newId()] })
    const foreign = await cell.create({ project_id: 'another' }, { same_host: [first.id] })
    await cell.settled()
    expect(await hostOf(apart.id)).toBeString()
    expect(await hostOf(apart.id)).not.toBe(host)
    expect([await hostOf(together.id), await hostOf(asked.id)]).toEqual([host, host])
    for (const { id } of [nowhere, foreign]) {
      expect((await cell.cells.find(id))?.server.fault?.message).toBe(
        'No valid host was found: 3 of 3 hosts have no server of the hint same_host.',
      )
    }
    for (const { id } of [first, apart, together, asked, nowhere, foreign]) await cell.remove(id)
    await cell.settled()
  })

  test('moves a build that fails to the next hosts, three in all, and keeps with the server what was tried', async () => {
    let failures = 1
    await cell.conduct(({ kind, step, phase }) => {
      if (kind !== 'server.build' || step !== 'spawn' || phase !== 'before do' || failures-- <= 0) return
      throw new Problem('internal', 'The disk of the host is full.')
    })
    const once = await cell.create()
    await cell.settled()
    failures = 3
    const always = await cell.create()
    await cell.settled()
    await cell.conduct()
    const [moved, lost] = await Promise.all([once, always].map(async ({ id }) => (await cell.cells.find(id))!.server))
    const [why, whyNot] = [moved!, lost!].map(({ explanation }) => keptDecision(explanation)!)
    expect(moved).toMatchObject({ vm_state: 'active', host: why!.chosen!.host })
    expect(why!.attempts).toEqual([
      { host: expect.any(String), node: expect.any(String), reason: 'The disk of the host is full.' },
    ])
    expect(why!.attempts[0]!.host).not.toBe(moved!.host!)
    expect(why!.alternates).toHaveLength(1)
    expect(lost!.fault?.message).toStartWith('Exceeded maximum number of retries.')
    expect(new Set([...whyNot!.attempts.map(({ host }) => host), whyNot!.chosen!.host]).size).toBe(3)
    for (const { id } of [once, always]) await cell.remove(id)
    await cell.settled()
    expect(await cell.leftovers()).toEqual([])
  })

  test('believes a host about its own servers only', async () => {
    const { id } = await cell.create()
    await cell.settled()
    const { server } = (await cell.cells.find(id))!
    const other = [...cell.hosts.drivers.keys()].find((name) => name !== server.host)!
    await cell.bus.publish(HOST_EVENTS, { event: 'power', host: other, sent_at: Date.now(), server_id: id, power_state: 'shutdown' })
    await cell.bus.publish(HOST_EVENTS, { event: 'power', host: server.host, sent_at: Date.now(), server_id: id, power_state: 'nonsense' })
    await Bun.sleep(200)
    expect((await cell.cells.find(id))?.server).toMatchObject({ vm_state: 'active', power_state: 1 })
    cell.hosts.drivers.get(server.host!)!.changePower(id, 'shutdown')
    await until(async () => (await cell.cells.find(id))?.server.vm_state === 'stopped', 5)
    await cell.remove(id)
    await cell.settled()
  })

  test('tells a host to remove a guest that no server is placed there for', async () => {
    const [name, driver] = [...cell.hosts.drivers][0]!
    const stray = newId()
    const { id } = await cell.create()
    await cell.settled()
    await cell.bus.call(agentTopic(name), {
      verb: 'spawn', command_id: newId(), server_id: stray, generation: 1,
      instance: testInstance({ server_id: stray, instance_name: 'instance-stray' }),
    }, { deadline_s: 5 })
    expect((await driver.guests()).map((guest) => guest.server_id)).toContain(stray)
    await cell.bus.publish(HOST_EVENTS, { event: 'guests', host: name, sent_at: Date.now(), guests: await driver.guests() as never })
    await until(async () => !(await driver.guests()).some((guest) => guest.server_id === stray), 5)
    await cell.remove(id)
    await cell.settled()
    expect(await cell.leftovers()).toEqual([])
  })

  test('a server deleted while it is built is gone, whatever had been done', async () => {
    for (let wait_ms = 0; wait_ms < 60; wait_ms += 4) {
      const { id } = await cell.create()
      await Bun.sleep(wait_ms)
      await cell.remove(id)
      await cell.settled()
      expect(await cell.cells.find(id)).toBeNull()
    }
    expect(await cell.leftovers()).toEqual([])
  }, 60_000)
})
