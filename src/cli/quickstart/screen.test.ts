import { describe, expect, test } from 'bun:test'
import { createScreen, StageFailure, wrap } from './screen.ts'

function written(isTTY: boolean): { isTTY: boolean; text: string; write(text: string): void } {
  return {
    isTTY,
    text: '',
    write(text) {
      this.text += text
    },
  }
}

describe('a stage', () => {
  test('is one line: its name, what came of it, how long it took', async () => {
    const output = written(false)
    let now = 0
    const value = await createScreen(output, () => now).stage('cloud', '', async (update) => {
      update('starting')
      now = 1234
      return ['http://127.0.0.1:8774', 7]
    })
    expect(value).toBe(7)
    expect(output.text).toMatch(/^ {2}cloud {7}http:\/\/127\.0\.0\.1:8774 +1\.2 s\n$/)
  })

  test('shows on a terminal what it is doing, and wipes that out', async () => {
    const output = written(true)
    await createScreen(output, () => 0).stage('cloud', '', async (update) => {
      update('starting')
      return ['up', null]
    })
    expect(output.text).toContain('starting …')
    expect(output.text.split('\r').at(-1)).toStartWith('\x1b[K  cloud       up')
  })

  test('that fails names itself, its reason and what to do', async () => {
    const failing = createScreen(written(false)).stage('upload', 'try again', async () => {
      throw new Error('disk full')
    })
    const failure = (await failing.catch((error: unknown) => error)) as StageFailure
    expect(failure).toBeInstanceOf(StageFailure)
    expect(failure).toMatchObject({ stage: 'upload', advice: 'try again', message: 'disk full' })
  })

  test.each(['short', 'long '.repeat(60)])('takes at most 100 columns', async (said) => {
    const output = written(false)
    await createScreen(output, () => 0).stage('x', '', async () => [said, null])
    expect(output.text.trimEnd().length).toBeLessThanOrEqual(100)
  })
})

test('text is broken into lines that fit', () => {
  const lines = wrap('word '.repeat(50).trim(), 2).split('\n')
  expect(lines.every((line) => line.startsWith('  word') && line.length <= 96)).toBe(true)
  expect(lines.join(' ').match(/word/g)).toHaveLength(50)
})
