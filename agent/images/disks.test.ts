import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { mkdir, mkdtemp, readdir, rm, utimes } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { makeTinyImage } from '../../src/guest-image/index.ts'
import { newId } from '../../src/kernel/index.ts'
import { openLogs } from '../../src/platform/log/index.ts'
import { has } from '../../test/support/requirements.ts'
import { DriverError } from '../drivers/driver.ts'
import { removeUnusedBases } from './ageing.ts'
import { blankDisk } from './blank-disk.ts'
import { writeConfigDrive } from './config-drive.ts'
import { checkGuestDisk } from './inspect.ts'
import { createOverlay } from './qcow2-overlay.ts'
import { convertDisk, growDisk } from './qemu-img.ts'

const log = openLogs({ log_file: '/dev/null' }).role('nova-compute')
const NEVER = new AbortController().signal
const MIB = 1024 ** 2
let directory: string
let base: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'disks-'))
  await mkdir(join(directory, '_base'))
  base = join(directory, '_base', 'base')
  await Bun.write(base, makeTinyImage('raw'))
})
afterEach(() => rm(directory, { recursive: true }))

async function overlay(name: string): Promise<string> {
  const path = join(directory, name)
  await createOverlay(path, { path: base, format: 'raw' }, 4 * MIB)
  return path
}

describe("a guest's disk", () => {
  test('is what the host made of it: its size is told', async () => {
    const path = await overlay('disk')
    const facts = { virtual_size_bytes: 4 * MIB, backing_file: base }
    expect(await checkGuestDisk({ path, format: 'qcow2', base_directory: dirname(base) })).toEqual(facts)
    const alone = { virtual_size_bytes: MIB, backing_file: null }
    expect(await checkGuestDisk({ path: base, format: 'raw', base_directory: null })).toEqual(alone)
  })

  const qcow2 = makeTinyImage()
  const named = qcow2.slice()
  new DataView(named.buffer).setBigUint64(8, 512n)
  new DataView(named.buffer).setUint32(16, 11)
  named.set(new TextEncoder().encode('/etc/passwd'), 512)

  for (const [what, bytes] of Object.entries({ 'a qcow2 header': qcow2, 'one that names /etc/passwd': named })) {
    test(`that is raw and has ${what} written into it by the guest is refused`, async () => {
      const path = join(directory, 'disk')
      await Bun.write(path, bytes)
      const check = checkGuestDisk({ path, format: 'raw', base_directory: dirname(base) })
      await expect(check).rejects.toBeInstanceOf(DriverError)
      await expect(check).rejects.toThrow("The guest's disk cannot be used: its content is that of a disk image.")
    })
  }

  test('that stands on another file than the host put it on is refused', async () => {
    const path = await overlay('disk')
    for (const base_directory of ['/etc', directory, null]) {
      await expect(checkGuestDisk({ path, format: 'qcow2', base_directory })).rejects.toThrow('cannot be used')
    }
    await Bun.write(path, named)
    await expect(checkGuestDisk({ path, format: 'qcow2', base_directory: dirname(base) })).rejects.toThrow('cannot be used')
  })
})

describe.if(has('qemu-img'))('with qemu-img', () => {
  test('a disk grows and keeps its content, and is copied whole, telling how far it is', async () => {
    const path = await overlay('disk')
    await growDisk({ path, format: 'qcow2' }, 8 * MIB, NEVER)
    const size = async (path: string, base_directory: string | null): Promise<number> =>
      (await checkGuestDisk({ path, format: 'qcow2', base_directory })).virtual_size_bytes
    expect(await size(path, dirname(base))).toBe(8 * MIB)
    const copy = join(directory, 'copy')
    const seen: number[] = []
    const options = { compress: true, onProgress: (percent: number) => void seen.push(percent) }
    await convertDisk({ path, format: 'qcow2' }, { path: copy, format: 'qcow2' }, NEVER, options)
    expect(await size(copy, null)).toBe(8 * MIB)
    expect(seen.at(-1)).toBe(100)
    const raw = join(directory, 'raw')
    await convertDisk({ path: copy, format: 'qcow2' }, { path: raw, format: 'raw' }, NEVER)
    const bytes = await Bun.file(raw).bytes()
    expect(Buffer.compare(bytes.subarray(0, MIB), makeTinyImage('raw'))).toBe(0)
    expect(bytes.length).toBe(8 * MIB)
  })
})

describe('a base that no guest uses', () => {
  const old = new Date(Date.now() - 100_000)
  const age = (minimum_age_s: number): Promise<void> =>
    removeUnusedBases({ instances_path: directory, minimum_age_s, now_ms: Date.now(), log })

  test('goes when it is old; one that is used, or young, stays', async () => {
    const guest = join(directory, newId())
    await mkdir(guest)
    await createOverlay(join(guest, 'disk'), { path: base, format: 'raw' }, 4 * MIB)
    await Bun.write(join(directory, '_base', 'unused'), 'x')
    await Bun.write(join(directory, '_base', 'young'), 'x')
    for (const name of ['base', 'unused']) await utimes(join(directory, '_base', name), old, old)
    await age(60)
    expect((await readdir(join(directory, '_base'))).sort()).toEqual(['base', 'young'])
    await rm(guest, { recursive: true })
    await age(60)
    expect(await readdir(join(directory, '_base'))).toEqual(['young'])
  })
})

describe('a blank disk', () => {
  const formats = { ext4: /ext4.*ephemeral0/i, vfat: /fat.*ephemeral0/i } as const
  for (const format of Object.keys(formats) as (keyof typeof formats)[]) {
    test(`has a ${format} file system, and is made once`, async () => {
      const disk = { kind: 'ephemeral', size_bytes: 1024 ** 3, format } as const
      const made = await blankDisk(join(directory, '_base'), disk, NEVER)
      const before = (await Bun.file(made.path).stat()).ino
      expect(await blankDisk(join(directory, '_base'), disk, NEVER)).toEqual(made)
      expect((await Bun.file(made.path).stat()).ino).toBe(before)
      const head = Buffer.from(await Bun.file(made.path).slice(0, 2048).bytes()).toString('latin1')
      expect(head.toLowerCase()).toContain('ephemeral0')
      expect(made.virtual_size_bytes).toBe(1024 ** 3)
    })
  }

  test('for swap has what swapon looks for', async () => {
    const { path } = await blankDisk(join(directory, '_base'), { kind: 'swap', size_bytes: 64 * MIB }, NEVER)
    expect(path.endsWith('_base/swap_64')).toBe(true)
    expect(Buffer.from(await Bun.file(path).slice(4086, 4096).bytes()).toString()).toBe('SWAPSPACE2')
  })
})

describe.if(has('config-drive'))('a config drive', () => {
  const files = new Map([
    ['openstack/latest/meta_data.json', Buffer.from('{"uuid":"1"}')],
    ['openstack/latest/user_data', Buffer.from([0, 255, 10])],
    ['ec2/latest/meta-data.json', Buffer.from('{}')],
  ])

  test('as ISO 9660 is labelled config-2 and has its files under their long names', async () => {
    const path = join(directory, 'disk.config')
    await writeConfigDrive(path, files, { format: 'iso9660', mkisofs_cmd: 'genisoimage', publisher: 'test' }, NEVER)
    const listing = await Bun.$`isoinfo -d -i ${path}`.text()
    expect(listing).toContain('Volume id: config-2')
    expect(await Bun.$`isoinfo -R -x /openstack/latest/meta_data.json -i ${path}`.text()).toBe('{"uuid":"1"}')
    expect((await readdir(directory)).sort()).toEqual(['_base', 'disk.config'])
  })

  test('as vfat is labelled config-2 and has its files', async () => {
    const path = join(directory, 'disk.config')
    await writeConfigDrive(path, files, { format: 'vfat', mkisofs_cmd: 'genisoimage', publisher: 'test' }, NEVER)
    expect(await Bun.$`mlabel -s -i ${path} ::`.text()).toContain('config-2')
    const user_data = await Bun.$`mtype -i ${path} ::/openstack/latest/user_data`.arrayBuffer()
    expect(Buffer.from(user_data)).toEqual(Buffer.from([0, 255, 10]))
  })

  test('that cannot be made is the host\'s fault, and leaves no file', async () => {
    const making = writeConfigDrive(
      join(directory, 'disk.config'), files, { format: 'iso9660', mkisofs_cmd: 'no-such-program', publisher: 'test' }, NEVER,
    )
    await expect(making).rejects.toMatchObject({ kind: 'unavailable' })
    expect(await readdir(directory)).toEqual(['_base'])
  })
})
