import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { makeScratchDirectory } from './scratch.ts'

let parent: string

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'scratch-'))
})

afterEach(() => rm(parent, { recursive: true }))

test('what a killed process left is removed, what a living one has and what others have stays', async () => {
  const killed = Bun.spawn(['true'])
  await killed.exited
  const others = [`x-${process.pid}-abcdef`, `y-${killed.pid}-abcdef`, 'x-kept', 'x']
  for (const name of [`x-${killed.pid}-abcdef`, ...others]) await mkdir(join(parent, name))
  const made = await makeScratchDirectory(parent, 'x')
  expect((await readdir(parent)).toSorted()).toEqual([basename(made), ...others].toSorted())
})
