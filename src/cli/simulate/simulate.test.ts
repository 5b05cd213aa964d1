import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { loadConfig } from '../../platform/config/index.ts'
import { policyOf } from '../../scheduler/index.ts'
import { type Arrival, readArrivals, readDuration, readSizes, USUAL_SIZES } from './arrivals.ts'
import { fillChart } from './chart.ts'
import { createDepartures } from './departures.ts'
import { simulate } from './simulation.ts'

const { config } = loadConfig({ files: [], env: {} })
const size = { vcpus: 8, memory_mb: 8_192, local_gb: 100, cpu_allocation_ratio: 1, ram_allocation_ratio: 1, disk_allocation_ratio: 1 }
const replay = (arrivals: readonly Arrival[], hosts = 2, changes: object = {}) =>
  simulate({ hosts, size, arrivals, policy: policyOf({ ...config, filter_scheduler: { ...config.filter_scheduler, ...changes } }), seed: 1 })
const server = (at_s: number, lifetime_s = Infinity, vcpus = 4): Arrival => ({ at_s, lifetime_s, vcpus, memory_mb: 1_024, disk_gb: 10 })

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'bunova-simulate-'))
})
afterAll(() => rmSync(directory, { recursive: true }))

describe('a replay', () => {
  test('places servers until the hosts are full, and says which filter refused the rest', async () => {
    const outcome = await replay([0, 1, 2, 3, 4, 5].map((at) => server(at)))
    expect(outcome).toMatchObject({ placed: 4, refused: 2, end: { servers: 4, hosts_in_use: 2, vcpus: 1 } })
    expect(outcome.reasons).toEqual([
      { filter: 'CoreFilter', servers: 2, example: '2 of 2 hosts lack 4 vCPUs (best has 0 free)' },
    ])
  })

  test('gives the room of servers that leave to those that come', async () => {
    const outcome = await replay([server(0, 10), server(0, 10), server(0, 10), server(0, 10), server(9), server(11)])
    expect(outcome).toMatchObject({ placed: 5, refused: 1, peak: { servers: 4 }, end: { servers: 1 } })
    // Full for 10 of 11 seconds, then empty until the last one comes.
    expect(outcome.mean.vcpus).toBeCloseTo(10 / 11)
  })

  test('is the same again for the same seed but for its latencies', async () => {
    const arrivals = await readArrivals('poisson:rate=30/h,lifetime=4h,for=2d', 7, USUAL_SIZES)
    expect(await readArrivals('poisson:rate=30/h,lifetime=4h,for=2d', 7, USUAL_SIZES)).toEqual(arrivals)
    expect(await readArrivals('poisson:rate=30/h,lifetime=4h,for=2d', 8, USUAL_SIZES)).not.toEqual(arrivals)
    const [first, second] = [await replay(arrivals, 10), await replay(arrivals, 10)]
    expect({ ...first, latency_us: null }).toEqual({ ...second, latency_us: null })
    expect(first.moments).toHaveLength(400)
    expect(first.moments.reduce((sum, { refused }) => sum + refused, 0)).toBe(first.refused)
  })

  test('follows the policy: with a negative weight of RAM, hosts are filled one after the other', async () => {
    const few = [0, 1].map((at) => server(at, Infinity, 1))
    expect((await replay(few, 5)).end.hosts_in_use).toBe(2)
    const packed = { ram_weight_multiplier: -1, cpu_weight_multiplier: 0, disk_weight_multiplier: 0 }
    expect((await replay(few, 5, packed)).end.hosts_in_use).toBe(1)
  })

  test('without hosts, or without servers, comes to an end', async () => {
    expect((await replay([server(0)], 0)).reasons).toEqual([{ filter: 'none', servers: 1, example: 'there are no hosts' }])
    expect(await replay([])).toMatchObject({ placed: 0, refused: 0, mean: { vcpus: 0 } })
  })
})

test('departures come in the order of their times, and none before it is due', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(100)), fc.nat(100), (times, until) => {
      const departures = createDepartures<number>()
      for (const at_s of times) departures.add(at_s, at_s)
      const gone: number[] = []
      for (let due = departures.next(until); due; due = departures.next(until)) gone.push(due.item)
      expect(gone).toEqual(times.filter((at_s) => at_s <= until).sort((a, b) => a - b))
    }),
  )
})

describe('arrivals', () => {
  const file = async (text: string) => {
    const path = join(directory, 'arrivals.csv')
    writeFileSync(path, text)
    return readArrivals(path, 1, USUAL_SIZES)
  }

  test('are read from a file by the names of its columns, and put in order', async () => {
    expect(await file('vcpus,memory_mb,disk_gb,at_s,lifetime_s,note\n1,512,5,60,,stays\n2,1024,10,30.5,3600,\n\n')).toEqual([
      { at_s: 30.5, lifetime_s: 3_600, vcpus: 2, memory_mb: 1_024, disk_gb: 10 },
      { at_s: 60, lifetime_s: Infinity, vcpus: 1, memory_mb: 512, disk_gb: 5 },
    ])
  })

  test('keep to their rate and lifetime', async () => {
    const arrivals = await readArrivals('poisson:rate=100/h,lifetime=2h,for=100h', 1, USUAL_SIZES)
    expect(arrivals.length / 10_000).toBeCloseTo(1, 1)
    expect(arrivals.reduce((sum, { lifetime_s }) => sum + lifetime_s, 0) / arrivals.length / 7_200).toBeCloseTo(1, 1)
    expect(arrivals.filter(({ vcpus }) => vcpus === 1).length / arrivals.length).toBeCloseTo(0.4, 1)
  })

  test.each([
    ['at_s,vcpus\n', /arrivals\.csv:1: .*missing: lifetime_s, memory_mb, disk_gb/],
    ['at_s,lifetime_s,vcpus,memory_mb,disk_gb\n0,1,1,1,1\n0,1,-1,1,1\n', /arrivals\.csv:3: vcpus is '-1'/],
    ['at_s,lifetime_s,vcpus,memory_mb,disk_gb\n0,1,1.5,1,1\n', /arrivals\.csv:2: vcpus is '1\.5'/],
    ['at_s,lifetime_s,vcpus,memory_mb,disk_gb\n,1,1,1,1\n', /arrivals\.csv:2: at_s is ''/],
  ])('of a file that cannot be read are refused by line: %j', (text, message) => {
    expect(file(text)).rejects.toThrow(message)
  })

  test.each([
    ['poisson:', /none of rate=/],
    ['poisson:lifetime=1h', /needs its rate/],
    ['poisson:rate=0/h', /needs its rate/],
    ['poisson:rate=1/h,lifetime=soon', /'soon' is no duration/],
    ['poisson:rate=1000000/s,for=1000d', /at most 5000000/],
    ['/nonexistent', /there is no file/],
  ])('%s are refused', (words, message) => {
    expect(readArrivals(words, 1, USUAL_SIZES)).rejects.toThrow(message)
  })

  test('have sizes and durations in words', () => {
    expect(readSizes('2:4096:40:30,1:512:1')).toEqual([
      { vcpus: 2, memory_mb: 4_096, disk_gb: 40, share: 30 },
      { vcpus: 1, memory_mb: 512, disk_gb: 1, share: 1 },
    ])
    expect(() => readSizes('2:4096')).toThrow("'2:4096' is not vcpus:memory_mb:disk_gb:share")
    expect([readDuration('90s', ''), readDuration('1.5h', '')]).toEqual([90, 5_400])
  })
})

test('the picture has its axes, legend and lines, and is well-formed', async () => {
  const outcome = await replay(await readArrivals('poisson:rate=30/h,lifetime=4h,for=4d', 1, USUAL_SIZES), 10)
  const svg = fillChart(outcome, 'a < b & c')
  for (const words of ['days since the start', 'claimed of what may be claimed', 'RAM', 'vCPU', 'Disk', 'refused (right scale)', 'a &lt; b &amp; c']) {
    expect(svg).toContain(words)
  }
  expect(svg.match(/<polyline/g)).toHaveLength(3)
  expect(svg).not.toMatch(/NaN|undefined|Infinity/)
  // Every element is closed: by itself, or by its own end.
  const open: string[] = []
  for (const [tag, end, name, itself] of svg.matchAll(/<(\/?)(\w+)[^>]*?(\/?)>/g)) {
    if (end) expect([tag, open.pop()]).toEqual([tag, name])
    else if (!itself) open.push(name!)
  }
  expect(open).toEqual([])
})

test('on the command line it writes the picture and says how it went', async () => {
  const command = (...args: string[]) => {
    const script = join(import.meta.dir, 'main.ts')
    const { stdout, stderr, exitCode } = Bun.spawnSync(['bun', script, ...args], { cwd: directory })
    return { out: stdout.toString(), err: stderr.toString(), exitCode }
  }
  const args = ['--hosts', '5', '--arrivals', 'poisson:rate=20/h,lifetime=4h,for=1d']
  const { out, exitCode } = command(...args)
  expect([exitCode, out]).toEqual([0, expect.stringMatching(/^\d+ servers asked of 5 hosts: /)])
  expect(await Bun.file(join(directory, 'simulation.svg')).text()).toStartWith('<svg')
  expect(JSON.parse(command(...args, '--json').out)).toMatchObject({ hosts: 5, refused: 0 })
  writeFileSync(join(directory, 'nova.conf'), '[filter_scheduler]\nenabled_filters = NoFilter\n')
  expect(command(...args, '--policy', 'nova.conf')).toMatchObject({ exitCode: 1, err: expect.stringContaining('there is no NoFilter') })
  expect(command('--hosts', 'many', '--arrivals', 'x')).toMatchObject({ exitCode: 2, err: expect.stringContaining('--hosts many') })
})
