import { afterAll, beforeAll, expect, test } from 'bun:test'
import { startTestCell, type TestCell } from '../../../test/support/cell.ts'
import { Problem } from '../../kernel/index.ts'

let cell: TestCell
beforeAll(async () => {
  cell = await startTestCell({ hosts: 2 })
})
afterAll(() => cell.stop())

test('a delete that comes while a build takes its guest back is not refused by the host', async () => {
  let removed: Promise<void> | undefined
  let id = ''
  await cell.conduct(({ kind, step, phase }) => {
    if (kind !== 'server.build' || step !== 'spawn') return
    if (phase === 'after do') throw new Problem('internal', 'a test made it fail')
    if (phase === 'before undo' && !removed) {
      removed = cell.remove(id)
      // The run stops here and goes on from its last step when the delete has been accepted.
      throw new Error('cut off')
    }
  })
  id = (await cell.create()).id
  while (!removed) await Bun.sleep(5)
  await removed
  await cell.conduct()
  await cell.settled()
  expect(await cell.leftovers()).toEqual([])
}, 60_000)
