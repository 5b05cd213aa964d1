import { afterAll, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadSecrets, writeClientFiles } from './index.ts'

const directory = mkdtempSync(join(tmpdir(), 'bunova-state-'))
afterAll(() => rmSync(directory, { recursive: true }))

const at = (name: string): string => join(directory, name)
const read = (name: string): string => readFileSync(at(name), 'utf8')

test('secrets are drawn once, for their owner alone', () => {
  const drawn = loadSecrets(at('secrets.json'))
  expect(loadSecrets(at('secrets.json'))).toEqual(drawn)
  expect(loadSecrets(at('others.json')).node_id).not.toBe(drawn.node_id)
  expect(statSync(at('secrets.json')).mode & 0o777).toBe(0o600)
})

test('processes that start together on a new state path have the same secrets', async () => {
  const index = join(import.meta.dir, 'index.ts')
  const load = `import { loadSecrets } from '${index}'; console.log(loadSecrets('${at('together.json')}').admin_password)`
  const children = Array.from({ length: 4 }, () => Bun.spawn(['bun', '-e', load], { stdout: 'pipe' }))
  const passwords = await Promise.all(children.map((child) => new Response(child.stdout).text()))
  expect(new Set(passwords).size).toBe(1)
  expect(passwords[0]!.trim()).toBe(loadSecrets(at('together.json')).admin_password)
})

test.each(['{"admin_password": ""}', 'not JSON', ''])('secrets that are damaged are not drawn anew, for passwords would be lost: %j', (text) => {
  writeFileSync(at('damaged.json'), text)
  expect(() => loadSecrets(at('damaged.json'))).toThrow('damaged.json is damaged')
})

test('client files name the cloud and its passwords, for their owner alone', () => {
  writeClientFiles(directory, 'http://127.0.0.1:8774', { admin_password: 'of-admin', demo_password: 'of-demo' })
  expect(read('openrc')).toContain("export OS_AUTH_URL='http://127.0.0.1:8774/identity/v3'")
  expect(read('openrc')).toContain("export OS_PASSWORD='of-admin'")
  expect(read('clouds.yaml')).toMatch(/username: admin\n {6}password: of-admin\n[^]*username: demo\n {6}password: of-demo\n/)
  for (const name of ['openrc', 'clouds.yaml']) expect(statSync(at(name)).mode & 0o777).toBe(0o600)
})

test('where the passwords are not known, client files have none rather than wrong ones', () => {
  writeClientFiles(directory, 'http://127.0.0.1:8774', null)
  expect(read('openrc')).not.toContain('OS_PASSWORD')
  expect(read('openrc')).toContain('Clients ask')
  expect(read('clouds.yaml')).not.toContain('password:')
})
