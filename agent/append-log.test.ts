import { afterEach, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AppendLog, openAppendLog, type Replayed } from './append-log.ts'

const directories: string[] = []
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true })
})

function freshFile(): string {
  const directory = mkdtempSync(join(tmpdir(), 'bunova-append-log-'))
  directories.push(directory)
  return join(directory, 'made', 'on-demand', 'log')
}

interface Numbered {
  n: number
}

function open(file: string, durable = false): [AppendLog<Numbered>, Replayed<Numbered>] {
  const parse = (value: unknown): Numbered => {
    if (typeof (value as Numbered | null)?.n !== 'number') throw new Error('no number')
    return value as Numbered
  }
  return openAppendLog({ file, durable, parse })
}

const numbers = ({ entries }: Replayed<Numbered>): number[] => entries.map(({ n }) => n)

test('what was appended is there after a reopening, in order', () => {
  const file = freshFile()
  const [log, before] = open(file)
  expect(before).toEqual({ entries: [], skipped: 0 })
  for (let n = 0; n < 5; n++) log.append({ n })
  log.close()
  expect(numbers(open(file)[1])).toEqual([0, 1, 2, 3, 4])
})

test('cut off at any byte, all whole lines count, and what is appended next is whole', () => {
  const file = freshFile()
  const [log] = open(file)
  for (let n = 0; n < 4; n++) log.append({ n })
  log.close()
  const content = readFileSync(file)
  for (let cut = 0; cut <= content.length; cut++) {
    writeFileSync(file, content.subarray(0, cut))
    const kept = content.subarray(0, cut).toString().split('\n').filter((line) => line.endsWith('}')).length
    const [torn, replayed] = open(file)
    expect(numbers(replayed)).toEqual([0, 1, 2, 3].slice(0, kept))
    expect(replayed.skipped).toBeLessThanOrEqual(1)
    torn.append({ n: 99 })
    torn.close()
    expect(numbers(open(file)[1])).toEqual([...[0, 1, 2, 3].slice(0, kept), 99])
  }
})

test('lines that are no entries are skipped and counted, wherever they stand', () => {
  const file = freshFile()
  open(file)[0].close()
  writeFileSync(file, '{"n":1}\n\0\0\0\n{"n":"two"}\nnull\n{"n":3}\n')
  const [, replayed] = open(file)
  expect(numbers(replayed)).toEqual([1, 3])
  expect(replayed.skipped).toBe(3)
})

test('a rewrite takes the place of all lines, and is written on after', () => {
  const file = freshFile()
  const [log] = open(file, true)
  for (let n = 0; n < 100; n++) log.append({ n })
  const before = log.bytes
  log.rewrite([{ n: 98 }, { n: 99 }])
  expect(log.bytes).toBeLessThan(before)
  log.append({ n: 100 })
  log.close()
  expect(numbers(open(file)[1])).toEqual([98, 99, 100])
  expect(log.bytes).toBe(readFileSync(file).length)
})

test('what a rewrite that crashed left beside the file does not count', () => {
  const file = freshFile()
  const [log] = open(file)
  log.append({ n: 1 })
  writeFileSync(`${file}.new`, '{"n":7}\n{"n":')
  log.rewrite([{ n: 1 }])
  log.close()
  expect(numbers(open(file)[1])).toEqual([1])
})

test('every sync that is asked for ends, also those in the middle of another or of a rewrite', async () => {
  const file = freshFile()
  const [log] = open(file, true)
  const syncs: Promise<void>[] = []
  for (let n = 0; n < 20; n++) {
    log.append({ n })
    syncs.push(log.sync())
    if (n === 10) log.rewrite([{ n }])
  }
  await Promise.all(syncs)
  log.close()
  expect(numbers(open(file)[1])).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19])
})

test('a closed log takes nothing', () => {
  const [log] = open(freshFile())
  log.close()
  expect(() => log.append({ n: 1 })).toThrow('closed')
})

test('when the disk is full an append fails, and the next one that succeeds is whole', () => {
  const file = freshFile()
  // A limit on the size of files stands for the full disk: a write that meets it is taken in part. Then there is room.
  const program = `
    const { openAppendLog } = await import(${JSON.stringify(join(import.meta.dir, 'append-log.ts'))})
    const { truncateSync } = await import('node:fs')
    const file = ${JSON.stringify(file)}
    const [log] = openAppendLog({ file, durable: false, parse: (value) => value })
    let n = 0
    try { for (;; n++) log.append({ n }) } catch (error) { console.log(n, error.code) }
    truncateSync(file, 300)
    log.append({ n: 999 })`
  const child = Bun.spawnSync(['sh', '-c', `trap '' XFSZ; ulimit -f 1; exec "$0" -e "$1"`, process.execPath, program])
  const [appended, code] = child.stdout.toString().trim().split(' ')
  expect(code).toBe('EFBIG')
  expect(Number(appended)).toBeGreaterThan(30)
  const kept = readFileSync(file).subarray(0, 300).toString().split('\n').length - 1
  const [, replayed] = open(file)
  expect(numbers(replayed)).toEqual([...Array(kept).keys(), 999])
  expect(replayed.skipped).toBe(1)
})
