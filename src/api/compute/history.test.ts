import { describe, expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { history } from './history.ts'

/** All that this folder says, tests and the table itself left out. */
const sources = readdirSync(import.meta.dir, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts') && name !== 'history.ts')
  .map((name) => readFileSync(join(import.meta.dir, name), 'utf8'))
  .join('\n')

describe('the history', () => {
  test('speaks of views, requests and behaviours that exist', () => {
    const missing = history
      .flatMap((entry) => entry.changes)
      .filter(({ kind, name }) => {
        const uses = { view: `('${name}',`, shape: `'${name}',`, behaviour: `does('${name}')` }[kind]
        // A request or view may be declared over two lines.
        return !sources.includes(uses) && !new RegExp(`\\(\\s*'${RegExp.escape(name)}',`).test(sources)
      })
      .map(({ kind, name }) => `${kind} ${name}`)
    expect(missing).toEqual([])
  })

  test('has one entry for each version, in order', () => {
    const versions = history.map((entry) => entry.version)
    expect(versions).toEqual([...new Set(versions)].sort((a, b) => a - b))
  })

  test('knows every behaviour that a handler asks for', () => {
    const asked = [...sources.matchAll(/does\('([^']+)'\)/g)].map((match) => match[1]!)
    const known = new Set(history.flatMap((entry) => entry.changes.map(({ name }) => name)))
    expect(asked.filter((name) => !known.has(name))).toEqual([])
    expect(asked.length).toBeGreaterThan(10)
  })
})
