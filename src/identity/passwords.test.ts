import { expect, test } from 'bun:test'
import { createPasswords, MAX_WAITING } from './passwords.ts'

const passwords = createPasswords(4)

test('a password verifies against its own hash only', async () => {
  const hash = await passwords.hash('correct horse')
  expect(hash).toStartWith('$2b$04$')
  expect(await passwords.verify('correct horse', hash)).toBe(true)
  expect(await passwords.verify('Correct horse', hash)).toBe(false)
})

test('every byte of a long password counts, beyond the 72 that bcrypt looks at', async () => {
  const long = 'x'.repeat(72)
  const hash = await passwords.hash(`${long}a`)
  expect(await passwords.verify(`${long}a`, hash)).toBe(true)
  expect(await passwords.verify(`${long}b`, hash)).toBe(false)
  expect(await passwords.verify(long, hash)).toBe(false)
})

test('without a hash no password is right', async () => {
  for (const password of ['', 'x', 'null']) expect(await passwords.verify(password, null)).toBe(false)
})

test('logins beyond the queue are refused at once, and there is room again afterwards', async () => {
  const hash = await passwords.hash('p')
  const logins = Array.from({ length: 2 + MAX_WAITING }, () => passwords.verify('p', hash))
  const surplus = passwords.verify('p', hash)
  expect(surplus).rejects.toMatchObject({ kind: 'unavailable', details: { retry_after_s: 5 } })
  expect(await Promise.all(logins)).not.toContain(false)
  expect(await passwords.verify('p', hash)).toBe(true)
})
