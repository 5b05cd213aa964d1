import { expect, test } from 'bun:test'
import { machineUptime, uptimeText } from './uptime.ts'

const DAY = 86_400
const text = (up_s: number, users = 0): string =>
  uptimeText({ now: new Date(2026, 0, 1, 8, 32, 11), up_s, users, load: [0.2, 0.12, 0.139] })

test('uptime is told in the words of procps', () => {
  expect(text(93 * DAY + 18 * 3600 + 25 * 60 + 59, 12)).toBe(
    ' 08:32:11 up 93 days, 18:25, 12 users,  load average: 0.20, 0.12, 0.14',
  )
  expect(text(DAY + 3 * 60, 1)).toStartWith(' 08:32:11 up 1 day, 3 min, 1 user,  load')
  expect(text(3600 + 5 * 60)).toContain(' up 1:05, 0 users,')
  expect(text(59)).toContain(' up 0 min, ')
})

test('the uptime of this machine is one that openstackclient can take apart', async () => {
  expect(await machineUptime(new Date())).toMatch(/^ \d\d:\d\d:\d\d\sup\s.+,\s+\d+\susers?,\s+load\saverage:\s[\d., ]+$/)
})
