import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isUuid } from '../src/kernel/index.ts'
import { readNodeId } from './node-id.ts'

let directory: string
beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), 'bunova-node-id-'))))
afterEach(() => rmSync(directory, { recursive: true }))

test('a node has one id for ever, in the file where Nova keeps it', () => {
  const id = readNodeId(join(directory, 'made'))
  expect(isUuid(id)).toBe(true)
  expect(readNodeId(join(directory, 'made'))).toBe(id)
  expect(readFileSync(join(directory, 'made', 'compute_id'), 'utf8')).toBe(`${id}\n`)
})

test('an id that Nova wrote is taken over', () => {
  writeFileSync(join(directory, 'compute_id'), '2c5b1d0e-8a3c-4a53-9c8e-0f0f6f4a4b11')
  expect(readNodeId(directory)).toBe('2c5b1d0e-8a3c-4a53-9c8e-0f0f6f4a4b11')
})

test('a damaged file stops the start instead of making a new node', () => {
  writeFileSync(join(directory, 'compute_id'), '')
  expect(() => readNodeId(directory)).toThrow('does not hold a UUID')
})
