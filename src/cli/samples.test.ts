import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { silentLog } from '../platform/log/index.ts'
import { createPolicy } from '../platform/policy/index.ts'
import { policyDefaults } from '../policies.ts'
import { samples } from './samples.ts'

test.each(samples.map(({ path, text }) => [basename(path), path, text]))(
  'etc/nova/%s is what the program declares (else run `bun run build:samples`)',
  (_name, path, text) => expect(readFileSync(path, 'utf8')).toBe(text),
)

test('every rule of every API can be understood, and refers only to rules there are', () => {
  const complaints: string[] = []
  createPolicy({
    defaults: policyDefaults,
    log: { ...silentLog, warn: (text: unknown) => void complaints.push(String(text)) },
  })
  expect(complaints).toEqual([])
})
