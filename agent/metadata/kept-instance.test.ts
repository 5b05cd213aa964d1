import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newId } from '../../src/kernel/index.ts'
import { testImage, testInstance } from '../test-instance.ts'
import { keepInstance, readKeptInstance } from './kept-instance.ts'

let instances: string
beforeEach(async () => {
  instances = await mkdtemp(join(tmpdir(), 'instances-'))
})
afterEach(() => rm(instances, { recursive: true }))

test('what a guest was made from is kept without its password and permissions, for root alone', async () => {
  const image = testImage({ headers: { 'X-Image-Grant': 'granted' } })
  const instance = testInstance({ image, kernel: image, admin_password: 'secret', user_data: 'eA==' })
  const directory = join(instances, instance.server_id)
  await mkdir(directory)
  await keepInstance(directory, instance)
  const text = await Bun.file(join(directory, 'instance.json')).text()
  for (const secret of ['secret', 'granted']) expect(text).not.toContain(secret)
  expect((await stat(join(directory, 'instance.json'))).mode & 0o777).toBe(0o600)
  const { admin_password: _, kernel: _kernel, ...kept } = instance
  expect(await readKeptInstance(instances, instance.server_id)).toEqual({ ...kept, image: { ...image, url: '', headers: {} } })
})

test('nothing is known of a guest that is not there, or whose file is damaged', async () => {
  const id = newId()
  expect(await readKeptInstance(instances, id)).toBeNull()
  await mkdir(join(instances, id))
  await Bun.write(join(instances, id, 'instance.json'), '{"server_id":')
  expect(await readKeptInstance(instances, id)).toBeNull()
  await Bun.write(join(instances, id, 'instance.json'), '{}')
  expect(await readKeptInstance(instances, id)).toBeNull()
})
