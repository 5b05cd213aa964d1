import { afterAll, expect, test } from 'bun:test'
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type LogFields, type Logger, openLogs, silentLog } from './index.ts'
import { terminalLine } from './line.ts'

const directory = mkdtempSync(join(tmpdir(), 'log-'))
afterAll(() => rmSync(directory, { recursive: true }))

let count = 0
/** What `write` makes of a log, line by line, without the time. */
function written(write: (log: Logger) => void, options: { debug?: boolean } = {}): string[] {
  const log_dir = join(directory, String(count++))
  const logs = openLogs({ log_dir, ...options })
  write(logs.role('nova-api'))
  logs.close()
  const lines = readFileSync(join(log_dir, 'nova-api.log'), 'utf8').trimEnd().split('\n')
  return lines.map((line) => line.replace(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} /, ''))
}
const fieldsOf = (fields: LogFields) => written((log) => log.info(fields, 'text'))[0]!.split(' text ')[1]

test('a line has the form of oslo.log', () => {
  const context = { request_id: 'req-1', user_id: 'u1', project_id: 'p1' }
  const lines = written((log) => {
    log.info('started')
    log.child(context).warn({ instance: 'i1', count: 2 }, 'slow')
    log.child({ module: 'nova.image' }).child({ request_id: 'req-2' }).error('no user')
  })
  expect(lines).toEqual([
    `${process.pid} INFO nova.api started`,
    `${process.pid} WARNING nova.api [req-1 u1 p1] [instance: i1] slow count=2`,
    `${process.pid} ERROR nova.image [req-2 - -] no user`,
  ])
})

test('debug lines are written only when asked for', () => {
  const both = (log: Logger) => {
    log.debug('one')
    log.info('two')
  }
  expect(written(both)).toHaveLength(1)
  expect(written(both, { debug: true })).toHaveLength(2)
})

test('an error has its stack and causes on lines of their own, each with the prefix', () => {
  const err = new Error('outer', { cause: new Error('inner') })
  const lines = written((log) => log.child({ request_id: 'req-1' }).error({ err }, 'failed'))
  expect(lines[0]).toEndWith('[req-1 - -] failed')
  expect(lines.every((line) => line.startsWith(`${process.pid} ERROR nova.api [req-1 - -] `))).toBe(true)
  expect(lines.some((line) => line.endsWith('Error: outer'))).toBe(true)
  expect(lines.some((line) => line.endsWith('caused by: Error: inner'))).toBe(true)
})

test('text from outside cannot forge a line or steer a terminal', () => {
  const lines = written((log) => log.info({ name: 'a\r\n2026 ERROR b\x1b[2J' }, 'evil\nname\u2028'))
  expect(lines).toHaveLength(1)
  expect(lines[0]).toContain('evil\\x0aname\\x2028')
  expect(lines[0]).not.toContain('\x1b')
})

test('a huge value costs one short line', () => {
  const lines = written((log) =>
    log.info({ name: 'x'.repeat(1_000_000), list: Array(10_000).fill('y') }, 'z'.repeat(1e6)),
  )
  expect(lines[0]!.length).toBeLessThan(10_000)
})

test('secrets are masked by name at any depth, and in text', () => {
  expect(
    fieldsOf({ admin_pass: 'hunter2', token: 'hunter2', user: { password: 'hunter2', list: [{ secret: 'hunter2' }] } }),
  ).toBe('admin_pass=*** token=*** user={"password":"***","list":[{"secret":"***"}]}')
  const texts = [
    'connecting to postgresql://nova:hunter2@db/nova',
    'redis://:hunter2@h:6379/0',
    'X-Auth-Token: hunter2',
    '{"password": "hunter2"}',
    'GET /console?token=hunter2',
    'adminPass=hunter2',
  ]
  for (const text of texts) {
    const lines = written((log) => {
      log.info(text)
      log.info({ note: text, err: new Error(text) }, 'x')
    })
    expect(lines.join('\n')).not.toContain('hunter2')
  }
})

test('fields may have the names that pino uses itself', () => {
  expect(fieldsOf({ time: 1, level: 'x', pid: 2, msg: 'm' })).toBe('time=1 level=x pid=2 msg=m')
})

test('each role has its file, private to its group, and log_file gathers them', () => {
  const log_dir = join(directory, 'roles', 'deep')
  const logs = openLogs({ log_dir })
  logs.role('nova-api').info('a')
  logs.role('nova-scheduler').info('b')
  logs.close()
  expect(readFileSync(join(log_dir, 'nova-scheduler.log'), 'utf8')).toEndWith('INFO nova.scheduler b\n')
  expect(statSync(join(log_dir, 'nova-api.log')).mode & 0o007).toBe(0)
  const together = openLogs({ log_dir, log_file: 'all.log' })
  together.role('nova-api').info('a')
  together.role('nova-scheduler').info('b')
  together.close()
  expect(readFileSync(join(log_dir, 'all.log'), 'utf8').trim().split('\n')).toHaveLength(2)
})

test('after SIGHUP lines go to a new file under the old name', async () => {
  const log_dir = join(directory, 'rotated')
  const path = join(log_dir, 'nova-api.log')
  const logs = openLogs({ log_dir })
  const log = logs.role('nova-api')
  log.info('before')
  renameSync(path, `${path}.1`)
  process.kill(process.pid, 'SIGHUP')
  while (!existsSync(path)) await Bun.sleep(1)
  log.info('after')
  logs.close()
  expect(readFileSync(`${path}.1`, 'utf8')).toContain('before')
  expect(readFileSync(path, 'utf8')).toEndWith('after\n')
})

test('a directory that cannot be written to stops the start', () => {
  expect(() => openLogs({ log_dir: '/proc/none' }).role('nova-api')).toThrow()
})

test('at a terminal a line is short and says the same', () => {
  const line = terminalLine('nova-api')({ '@level': 40, '@time': 0, '@text': 'slow', request_id: 'req-1', n: 1 })
  // oxlint-disable-next-line no-control-regex -- colours are control sequences
  expect(line.replace(/\x1b\[\d*m/g, '')).toMatch(/^\d\d:\d\d:00\.000 WARNING nova-api slow n=1 \[req-1 - -\]\n$/)
})

test('the silent log and its children take everything', () => {
  silentLog.child({ request_id: 'x' }).error({ err: new Error('x') }, 'x')
})
