import { expect, test } from 'bun:test'
import { aptLine, installProblem, missingPackages } from './packages.ts'

test('a package is missing when one of its programs is, and is named once', () => {
  const needs = [
    { programs: ['sh'], packages: ['dash'] },
    { programs: ['sh', 'no-such-program'], packages: ['one', 'two'] },
    { programs: ['no-such-program-either'], packages: ['two'] },
  ]
  expect(missingPackages(needs)).toEqual(['one', 'two'])
  expect(aptLine(missingPackages(needs))).toBe('apt-get install --no-install-recommends one two')
})

test('packages are installed on Debian and Ubuntu, and what is derived from them, only', () => {
  const systems = ['ID=debian', 'ID=ubuntu\nID_LIKE=debian', 'ID=linuxmint\nID_LIKE="ubuntu debian"']
  const ifNotRoot = process.getuid?.() === 0 ? null : 'only root may install packages'
  const without = Bun.which('apt-get') === null ? 'this system is neither Debian nor Ubuntu' : ifNotRoot
  expect(systems.map((system) => installProblem(system))).toEqual([without, without, without])
  expect(installProblem('PRETTY_NAME="Fedora 43"\nID=fedora')).toBe('Fedora 43 is neither Debian nor Ubuntu')
})
