import { describe, expect, test } from 'bun:test'
import { Problem } from '../../kernel/index.ts'
import { MAX_VERSION, requestedVersion, versionHeaders, versionText } from './version.ts'

const asked = (headers: Record<string, string>) => requestedVersion(new Headers(headers))
const refused = (headers: Record<string, string>): Problem => {
  try {
    asked(headers)
  } catch (error) {
    if (error instanceof Problem) return error
  }
  throw new Error('it was accepted')
}

describe('the microversion of a request', () => {
  test('is 2.1 when no header asks for one', () => {
    expect(asked({})).toBe(1)
    expect(asked({ 'OpenStack-API-Version': 'volume 3.59' })).toBe(1)
  })

  test('is read from the list of services, where compute may stand anywhere', () => {
    expect(asked({ 'OpenStack-API-Version': 'volume 3.59, compute 2.53' })).toBe(53)
    expect(asked({ 'X-OpenStack-Nova-API-Version': '2.19' })).toBe(19)
  })

  test('comes from the newer header when both are there', () => {
    expect(asked({ 'OpenStack-API-Version': 'compute 2.60', 'X-OpenStack-Nova-API-Version': '2.10' })).toBe(60)
  })

  test('is the highest one for latest', () => {
    expect(asked({ 'OpenStack-API-Version': 'compute latest' })).toBe(MAX_VERSION)
  })

  test.each(['2', '2.x', '2.01', 'two', '2.1.1', '-2.1', ''])('is a bad request when malformed: %p', (text) => {
    expect(refused({ 'X-OpenStack-Nova-API-Version': text }).kind).toBe('bad_request')
  })

  test.each(['2.0', '2.999', '1.1', '3.1', `2.${MAX_VERSION + 1}`])('is not acceptable out of range: %p', (text) => {
    const problem = refused({ 'OpenStack-API-Version': `compute ${text}` })
    expect(problem.kind).toBe('not_acceptable')
    expect(problem.message).toBe(
      `Version ${text} is not supported by the API. Minimum is 2.1 and maximum is ${versionText(MAX_VERSION)}.`,
    )
  })

  test('is echoed in both headers', () => {
    expect(versionHeaders(53)).toEqual({
      'OpenStack-API-Version': 'compute 2.53',
      'X-OpenStack-Nova-API-Version': '2.53',
      Vary: 'OpenStack-API-Version, X-OpenStack-Nova-API-Version',
    })
  })
})
