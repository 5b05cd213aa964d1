import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testInstance, testImage } from '../../test-instance.ts'
import { driverConformance } from '../conformance.ts'
import { createFakeDriver } from './index.ts'

driverConformance('fake', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'bunova-fake-'))
  const make = () => createFakeDriver({ host: 'fake-1', directory })
  const driver = make()
  return {
    driver,
    instance: testInstance,
    bad_images: {
      'more bytes than the root disk has': testImage({ size_bytes: 2 * 2 ** 30 }),
      'a greater min_disk than the root disk': testImage({ min_disk_gb: 2 }),
    },
    consoleText: (instance) => `${instance.hostname} login:`,
    reopen: make,
    leftovers: async () => [],
    cleanup: async () => rmSync(directory, { recursive: true }),
  }
})
