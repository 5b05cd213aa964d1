import { describe, expect, test } from 'bun:test'
import { Type as T } from '@sinclair/typebox'
import { at, behaviour, readHistory, request, view } from './changes.ts'
import type { Links } from './links.ts'

const history = readHistory([
  at('2.5', view('thing').gains('colour'), request('thing.create').gains('colour')),
  at('2.9', view<{ weight: number }>('thing').loses({ weight: (thing) => thing.weight })),
  at(
    '2.7',
    view<{ size: number }>('thing').reshapes('size', (size: string) => Number(size)),
  ),
  at(
    '2.12',
    view<{ size: number }>('thing', 'other').reshapes('size', (size: { m: number }) => String(size.m)),
  ),
  at('2.8', request('thing.create').reshapes({ size: T.Number() }), request('things').closes()),
  at('2.10', request('thing.create').loses({ weight: T.Number() })),
  at('2.6', behaviour('flying')),
])

const links = {} as Links
function shown(v: number): Record<string, unknown> {
  const answer = { colour: 'red', size: { m: 3 } }
  for (const undo of history.viewUndos('thing', v)) undo(answer, { weight: 7 } as never, links)
  return JSON.parse(JSON.stringify(answer)) as Record<string, unknown>
}

describe('a view at an older version', () => {
  test('is its newest form where nothing has changed since', () => {
    expect(shown(12)).toEqual({ colour: 'red', size: { m: 3 } })
  })

  test('undoes the changes above it, newest first, whatever the order of the table', () => {
    expect(shown(11)).toEqual({ colour: 'red', size: '3' })
    expect(shown(8)).toEqual({ colour: 'red', size: '3', weight: 7 })
    expect(shown(6)).toEqual({ colour: 'red', size: 3, weight: 7 })
    expect(shown(4)).toEqual({ size: 3, weight: 7 })
  })

  test('leaves alone a key that is not there', () => {
    const answer = {}
    for (const undo of history.viewUndos('other', 1)) undo(answer, {} as never, links)
    expect(answer).toEqual({})
  })
})

describe('a request at an older version', () => {
  const newest = { name: T.String(), colour: T.String(), size: T.Object({}) }
  const fields = (v: number) => history.fieldsAt('thing.create', newest, v)

  test('has the fields of that version', () => {
    expect(Object.keys(fields(10)).sort()).toEqual(['colour', 'name', 'size'])
    expect(Object.keys(fields(9)).sort()).toEqual(['colour', 'name', 'size', 'weight'])
    expect(Object.keys(fields(4)).sort()).toEqual(['name', 'size', 'weight'])
    expect(fields(8).size?.type).toBe('object')
    expect(fields(7).size?.type).toBe('number')
  })

  test('is the same for all versions of an epoch', () => {
    expect([1, 4, 5, 7, 8, 9, 10, 99].map((v) => history.epoch('thing.create', v))).toEqual([1, 1, 5, 5, 8, 8, 10, 10])
  })

  test('refuses unknown keys of a query from the version on that closed it', () => {
    expect(history.closedAt('things', 7)).toBe(false)
    expect(history.closedAt('things', 8)).toBe(true)
    expect(history.closedAt('never changed', 1)).toBe(true)
  })
})

test('a behaviour holds from its version on, an unknown one never', () => {
  expect(history.does('flying', 5)).toBe(false)
  expect(history.does('flying', 6)).toBe(true)
  expect(history.does('swimming', 104)).toBe(false)
})
