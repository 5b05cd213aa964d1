import { afterAll, beforeAll, expect, test } from 'bun:test'
import { startTestCell, type TestCell } from '../../../test/support/cell.ts'
import { eventually } from '../../../test/support/eventually.ts'
import { newId, newRequestId } from '../../kernel/index.ts'
import { insertTask } from '../tasks.store.ts'
import { CACHE_DEADLINE_S, CACHE_IMAGE } from './cache-image.ts'

let cell: TestCell
/** Images that hosts were told to fetch, one for each host that was. */
const fetched: string[] = []

beforeAll(async () => {
  cell = await startTestCell({
    hosts: 2,
    fault(point, subject) {
      if (point === 'cache_image') fetched.push(subject)
    },
  })
})
afterAll(() => cell.stop())

const ask = (host: string, image: string) =>
  cell.cells.global.transaction((tx) =>
    insertTask(tx, {
      kind: CACHE_IMAGE,
      subject: image,
      request_id: newRequestId(),
      input: { host },
      deadline_s: CACHE_DEADLINE_S,
    }),
  )

test('hosts fetch an image ahead, and one that is away holds nobody up', async () => {
  const image = newId()
  const [first, second] = [...cell.hosts.drivers.keys()]
  for (const host of [first!, 'nobody', second!]) await ask(host, image)
  await eventually(async () => expect(fetched).toEqual([image, image]), 60)
  await eventually(async () => {
    expect([...(await cell.cells.global.sql`select kind from tasks where kind = ${CACHE_IMAGE}`)]).toEqual([])
  })
}, 90_000)
