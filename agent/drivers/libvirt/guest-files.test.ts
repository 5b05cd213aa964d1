import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { appendFile, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newId } from '../../../src/kernel/index.ts'
import { type GuestFiles, guestFiles, lastLines, removeInterrupted } from './guest-files.ts'

const MIB = 1024 ** 2
let instances: string
let id: string
let files: GuestFiles

beforeEach(async () => {
  instances = await mkdtemp(join(tmpdir(), 'instances-'))
  id = newId()
  files = guestFiles(instances, id)
})
afterEach(() => rm(instances, { recursive: true }))

describe("a guest's files", () => {
  test('are made anew over what an unfinished build left', async () => {
    await files.make()
    await Bun.write(files.console_log, 'of the first try')
    await files.make()
    expect(await readdir(join(instances, id))).toEqual([])
  })

  test("note the formats of the disks as Nova does, and give nothing where that is damaged", async () => {
    await files.make()
    await files.recordDisks(new Map([['disk', 'qcow2'], ['disk.swap', 'raw']]))
    const path = (name: string): string => join(instances, id, name)
    expect(await Bun.file(path('disk.info')).json()).toEqual({ [path('disk')]: 'qcow2', [path('disk.swap')]: 'raw' })
    expect([...(await files.disks())]).toEqual([['disk', 'qcow2'], ['disk.swap', 'raw']])
    await Bun.write(path('disk.info'), '{"disk":"vmdk"}')
    await expect(files.disks()).rejects.toThrow('missing')
  })

  test('are removed, twice and after an interrupted removal too', async () => {
    await files.make()
    await mkdir(join(instances, `${id}_del`))
    await files.remove()
    await files.remove()
    expect(await readdir(instances)).toEqual([])
  })

  test('a removal that was interrupted is finished, and nothing else is touched', async () => {
    const others = ['_base', newId(), 'locks_del']
    for (const name of [...others, `${id}_del`, `${id}_resize_del`]) await mkdir(join(instances, name))
    await removeInterrupted(instances)
    expect((await readdir(instances)).sort()).toEqual(others.sort())
  })

  test('no id leads out of the directory of instances', () => {
    for (const hostile of ['..', '', `../${id}`, `${id}/..`, id.toUpperCase(), `${id}\n`]) {
      expect(() => guestFiles(instances, hostile)).toThrow('UUID')
    }
  })
})

describe('a console log', () => {
  beforeEach(() => files.make())

  test('is empty while the guest has written nothing', async () => {
    expect(await files.console(null)).toBe('')
    expect(existsSync(files.console_log)).toBe(false)
  })

  test('goes back over the files it was rotated to', async () => {
    await Bun.write(`${files.console_log}.1`, 'first\n')
    await Bun.write(`${files.console_log}.0`, 'second\n')
    await Bun.write(files.console_log, 'third\n')
    expect(await files.console(null)).toBe('first\nsecond\nthird\n')
    expect(await files.console(2)).toBe('second\nthird\n')
  })

  test('is cut to the last MiB', async () => {
    await Bun.write(`${files.console_log}.0`, 'a'.repeat(MIB))
    await Bun.write(files.console_log, 'b'.repeat(MIB - 2))
    expect(await files.console(null)).toBe(`aa${'b'.repeat(MIB - 2)}`)
    await appendFile(files.console_log, 'ccc')
    expect(await files.console(null)).toBe(`${'b'.repeat(MIB - 3)}ccc`)
  })

  test('of bytes that are no text is text all the same', async () => {
    await Bun.write(files.console_log, new Uint8Array([0x61, 0xff, 0xfe, 0x62]))
    expect(await files.console(null)).toBe('a\ufffd\ufffdb')
  })

  test('has as many last lines as asked for', () => {
    const log = 'one\ntwo\n\nfour\n'
    const expected = ['', 'four\n', '\nfour\n', 'two\n\nfour\n', log, log]
    expect([0, 1, 2, 3, 4, 9].map((lines) => lastLines(log, lines))).toEqual(expected)
    expect([1, 2].map((lines) => lastLines('one\ntwo', lines))).toEqual(['two', 'one\ntwo'])
    expect(lastLines('', 3)).toBe('')
  })
})
