import { expect, test } from 'bun:test'
import { hostnameOf } from './hostname.ts'

test.each([
  ['web', 'web'],
  ['Web Server_1.example', 'web-server-1-example'],
  ['-web-', 'web'],
  ['a!b"c', 'abc'],
  ['größe', 'größe'],
  ['web-猫', 'web'],
  ['x'.repeat(80), 'x'.repeat(63)],
  ['猫', 'Server-7'],
  ['...', 'Server-7'],
])('the hostname of a server named %p is %p', (name, hostname) => expect(hostnameOf(name, '7')).toBe(hostname))
