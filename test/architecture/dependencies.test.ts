import { expect, test } from 'bun:test'

test('imports keep to the layers: arrows point down, modules are entered by their index.ts', async () => {
  const cruise = Bun.spawn(
    ['bun', '--bun', 'node_modules/.bin/depcruise', '--config', 'test/architecture/dependencies.cjs', '--output-type', 'err', 'src', 'agent'],
    { cwd: `${import.meta.dir}/../..`, stdout: 'pipe', stderr: 'pipe' },
  )
  const report = await new Response(cruise.stdout).text()
  expect(report).toContain('no dependency violations found')
  // A cruise that saw nothing would find nothing either.
  expect(Number(/\((\d+) modules/.exec(report)?.[1])).toBeGreaterThan(100)
  expect(await cruise.exited).toBe(0)
}, 60_000)
