import { expect, test } from 'bun:test'
import { Problem } from '../../kernel/index.ts'
import type { Call } from '../../platform/http/index.ts'
import { fault } from './faults.ts'

const call = { baseUrl: 'http://cloud.example/identity' } as Call

test('a refusal for want of a token says where to get one', () => {
  expect(fault(new Problem('unauthorized', 'Who are you?'), call)).toEqual({
    status: 401,
    body: { error: { code: 401, message: 'Who are you?', title: 'Unauthorized' } },
    headers: { 'www-authenticate': 'Keystone uri="http://cloud.example/identity"' },
  })
})

test('when too many passwords wait to be checked, clients are told when to come back', () => {
  const answer = fault(new Problem('unavailable', 'Later.', { details: { retry_after_s: 5 } }), call)
  expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '5' } })
})
