import { expect, test } from 'bun:test'
import { parseOptions, USAGE } from './options.ts'

test('without options a run has a directory of its own, installs packages and keeps nothing', () => {
  expect(parseOptions([])).toEqual({ statePath: null, listen: null, install: true, keep: false })
})

test('each option is read', () => {
  expect(parseOptions(['--state-path', '/srv/x', '--listen=[::1]:0', '--no-install', '--keep'])).toEqual({
    statePath: '/srv/x',
    listen: { host: '::1', port: 0 },
    install: false,
    keep: true,
  })
  expect(parseOptions(['--help'])).toBeNull()
})

const WRONG = ['--listen', '--listen=8774', '--listen=host:port', '--listen=host:65536', '--nonsense', 'word']
test.each(WRONG)('%s is refused', (arg) => {
  expect(() => parseOptions([arg])).toThrow(TypeError)
})

test('the help fits on a terminal of 100 columns', () => {
  expect(Math.max(...USAGE.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100)
})
