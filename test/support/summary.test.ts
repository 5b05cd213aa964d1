import { expect, test } from 'bun:test'
import { readSummary, verdict } from './summary.ts'

const OUTPUT = `
a.test.ts:
(pass) one

 12 pass
 3 skip
 1 todo
 2 fail
 1 error
 40 expect() calls
Ran 18 tests across 5 files. [1.62s]
`

test('the totals of bun test are read', () => {
  expect(readSummary(OUTPUT)).toEqual({ pass: 12, fail: 2, skip: 4, errors: 1 })
  expect(readSummary(' 1 pass\n 0 fail\nRan 1 test across 1 file. [5.00ms]\n')).toMatchObject({ pass: 1, fail: 0 })
})

test('a run that ends without totals is a failure', () => {
  expect(readSummary('panic: oh no')).toBeNull()
  expect(verdict(null, { exitCode: 139, strict: false })).toEqual({ passed: 0, failed: 1 })
})

test('a failure that the totals do not show is counted', () => {
  const summary = { pass: 5, fail: 0, skip: 0, errors: 1 }
  expect(verdict(summary, { exitCode: 1, strict: false })).toEqual({ passed: 5, failed: 1 })
})

test('a skipped test counts as failed only where nothing may be left out', () => {
  const summary = { pass: 5, fail: 0, skip: 2, errors: 0 }
  expect(verdict(summary, { exitCode: 0, strict: false })).toEqual({ passed: 5, failed: 0 })
  expect(verdict(summary, { exitCode: 0, strict: true })).toEqual({ passed: 5, failed: 2 })
})
