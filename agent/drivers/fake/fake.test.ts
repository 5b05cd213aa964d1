import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testInstance, testImage } from '../../test-instance.ts'
import { driverConformance } from '../conformance.ts'
import { startImageServer } from '../../../test/support/image-server.ts'
import { createFakeDriver, openFakeGuests } from './index.ts'

driverConformance('fake', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'bunova-fake-'))
  let guests = openFakeGuests(directory)
  const driver = createFakeDriver({ host: 'fake-1', guests })
  const images = startImageServer()
  return {
    driver,
    instance: testInstance,
    bad_images: {
      'more bytes than the root disk has': testImage({ size_bytes: 2 * 2 ** 30 }),
      'a greater min_disk than the root disk': testImage({ min_disk_gb: 2 }),
    },
    consoleText: (instance) => `${instance.hostname} login:`,
    // As after a restart of the process: what is known of guests comes from the file.
    reopen() {
      guests.close()
      guests = openFakeGuests(directory)
      return createFakeDriver({ host: 'fake-1', guests })
    },
    leftovers: async () =>
      [...guests.of('fake-1').values(), ...guests.of('fake-2').values()].filter(({ place }) => place !== 'here').map(String),
    image: testImage,
    upload() {
      const target = images.target('qcow2')
      return { target, arrived: async () => images.uploaded(target) !== null }
    },
    async other() {
      const other = createFakeDriver({ host: 'fake-2', guests })
      await other.open()
      return other
    },
    async cleanup() {
      await images.stop()
      guests.close()
      rmSync(directory, { recursive: true })
    },
  }
})
