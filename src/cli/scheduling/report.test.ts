import { describe, expect, test } from 'bun:test'
import { schedulingReport, whatIfReport } from './report.ts'
import { readAdded, readCount, readHints } from './words.ts'

const placement = (host: string, weight: number) => ({
  cell: 'cell1',
  host,
  node: `${host}.example`,
  weight,
  weights: { RAMWeigher: weight - 1, CPUWeigher: 1 },
})
const explained = {
  hosts: 5,
  rejections: [
    { filter: 'RamFilter', hosts: 3, reason: '3 of 5 hosts lack 8192 MB RAM (best has 3011 MB free)' },
    { filter: 'ComputeFilter', hosts: 1, reason: '1 of 5 is down' },
  ],
}

describe('a report', () => {
  test('of a placed server has what each filter took, and what each weigher gave', () => {
    const text = schedulingReport('web', {
      server_id: 'id',
      state: 'placed',
      decided_at: '2026-01-02T03:04:05.678Z',
      ...explained,
      chosen: placement('a', 1.5),
      alternates: [placement('b', 1.25)],
      attempts: [{ host: 'c', reason: 'It had no room left when it was claimed.' }],
    })
    expect(text).toBe(
      `web (id) was placed on a (a.example).
Decided 2026-01-02 03:04:05 UTC.

Filter         Hosts  Why
─────────────  ─────  ─────────────────────────────────────────────────────
                   5  hosts there are
RamFilter         -3  3 of 5 hosts lack 8192 MB RAM (best has 3011 MB free)
ComputeFilter     -1  1 of 5 is down
                   1  left

   Host           Cell   Weight    RAM    CPU
─  ─────────────  ─────  ──────  ─────  ─────
→  a (a.example)  cell1   1.500  0.500  1.000
   b (b.example)  cell1   1.250  0.250  1.000

Tried before  Host  What happened
────────────  ────  ────────────────────────────────────────
           1  c     It had no room left when it was claimed.`,
    )
  })

  test('of a server that has moved says of when it speaks', () => {
    const chosen = placement('a', 1)
    const text = schedulingReport('web', { server_id: 'id', state: 'moved', ...explained, chosen, alternates: [] })
    expect(text).toStartWith('web (id) has moved since; this is how it was first placed, on a (a.example).')
  })

  test('for a tenant has no host', () => {
    const text = schedulingReport('web', { server_id: 'id', state: 'failed', ...explained, alternates: 0, attempts: [{ reason: 'r' }] })
    expect(text).toContain('web (id) found no host.')
    expect(text).toContain('(a host)')
  })

  test('of a question says how many fit and what stops the next one', () => {
    const text = whatIfReport({
      servers: 2,
      hosts: 5,
      placed: 2,
      more: 7,
      more_is_at_least: false,
      first: { hosts: 5, rejections: [] },
      blocked_by: explained,
      placements: [placement('a', 2), placement('a', 1.5)],
    })
    expect(text).toStartWith('2 servers fit on 5 hosts, and 7 more of the same.')
    expect(text).toMatch(/a \(a\.example\) +cell1 +2 +2\.000/)
    expect(text).toContain('What stops the next one:')
  })

  test('of a question that nothing answers says so', () => {
    const none = { servers: 1, hosts: 5, placed: 0, more: 0, more_is_at_least: false, first: explained, blocked_by: explained }
    expect(whatIfReport(none)).toStartWith('No host for this server among 5 hosts.\n\nWhat stands in the way:')
  })
})

describe('words', () => {
  test('become hints, repeated ones a list', () => {
    expect(readHints(['query=["=","$host","a"]', 'different_host=1', 'different_host=2'])).toEqual({
      query: '["=","$host","a"]',
      different_host: ['1', '2'],
    })
  })

  test('become hosts that are added', () => {
    expect(readAdded('like=cmp1,count=4,cpu_allocation_ratio=1.5')).toEqual({ like: 'cmp1', count: 4, cpu_allocation_ratio: 1.5 })
  })

  test.each([
    [() => readAdded('like=cmp1,constructor=4'), "'constructor=4' is none of count=…, name=…"],
    [() => readAdded('count=many'), "count is a number, not 'many'"],
    [() => readHints(['query']), '--hint query: expected KEY=VALUE'],
    [() => readCount('0'), '--count 0: expected a number from 1 up'],
  ])('that mean nothing are refused: %#', (read, message) => {
    expect(read).toThrow(message)
  })
})
