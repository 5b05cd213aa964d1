import { describe, expect, test } from 'bun:test'
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto'
import { Problem } from '../../kernel/index.ts'
import { generateCertificate } from './certificate.ts'
import { fingerprint, generateSshKey } from './public-key.ts'

/** A key that Nova itself made, and the fingerprint that it showed. */
const NOVA_KEY =
  'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQCNvcOoND6PAtUyriAmFGsg78gojO09vG/fffSXuQmbqxBJjP8gxlxj+kedvA0CPpcsEAMBhcoJ' +
  '+g4VvoSXr7JHTVRG+v2Xku+9oJsBQLPc0wdSZSpxuGOxL/PqqwXZS7LXiFdBFVFAqPtPnqKzUaIa6/D2qpbDOq0IIYxGyRLBPAUXhJkJmPhZe/iR' +
  'xAf3Am/QQwB4aXs4SwoQ+0rx1L2heXr8rCHYLoI6CufOBgMRTW9zFUgEjsPCj0p0HxX3dS919+xtgB9Jqh4XYPLBFSDMjnWOuhSTRhfBpzKEAib' +
  'Oey5NjTmJnOrhYm7PVj3pqNJzu6l5cS/71gbr8NhE2Gsb Generated-by-Nova'
const NOVA_FINGERPRINT = '6a:67:79:21:6f:7e:9d:2b:3a:77:71:a3:68:c1:60:8c'

describe('the fingerprint of an SSH key', () => {
  test('is the one that Nova shows', () => {
    expect(fingerprint('ssh', NOVA_KEY)).toBe(NOVA_FINGERPRINT)
  })

  test('does not depend on the comment or on blanks around', () => {
    expect(fingerprint('ssh', `  ${NOVA_KEY.replace('Generated-by-Nova', 'me@home')}\n`)).toBe(NOVA_FINGERPRINT)
  })

  test.each([
    ['empty', ''],
    ['without a type', NOVA_KEY.slice('ssh-rsa '.length)],
    ['of a type that is none', NOVA_KEY.replace('ssh-rsa', 'ssh-foo')],
    ['whose data is of another type', NOVA_KEY.replace('ssh-rsa', 'ssh-dss')],
    ['that is not base64', 'ssh-rsa !!!! x'],
    ['with nothing behind the type', `ssh-rsa ${Buffer.from('\0\0\0\x07ssh-rsa').toString('base64')}`],
    ['cut off', `${NOVA_KEY.slice(0, 40)}`.slice(0, 20)],
    ['of two lines', `${NOVA_KEY}\n${NOVA_KEY}`],
    ['that is huge', `ssh-rsa ${'A'.repeat(20_000)}`],
    ['that is a private one', '-----BEGIN RSA PRIVATE KEY-----'],
  ])('is refused for a key %s', (_what, key) => {
    expect(() => fingerprint('ssh', key)).toThrow(Problem)
  })
})

describe('a key that is made', () => {
  test('is an RSA key of 2048 bits whose two parts belong together', async () => {
    const { private_key, public_key } = await generateSshKey()
    expect(private_key).toStartWith('-----BEGIN RSA PRIVATE KEY-----')
    expect(public_key).toMatch(/^ssh-rsa \S+ Generated-by-Nova$/)
    expect(fingerprint('ssh', public_key)).toMatch(/^([0-9a-f]{2}:){15}[0-9a-f]{2}$/)
    const key = createPublicKey(private_key)
    expect(key.asymmetricKeyDetails?.modulusLength).toBe(2048)
    const modulus = Buffer.from(key.export({ format: 'jwk' }).n ?? '', 'base64url')
    expect(
      Buffer.from(public_key.split(' ')[1] ?? '', 'base64')
        .subarray(-256)
        .equals(modulus),
    ).toBe(true)
  })
})

describe('a certificate that is made', () => {
  test('is signed by its own key, names the user, and has a SHA-1 fingerprint', async () => {
    const { private_key, public_key } = await generateCertificate('user-1', new Date('2026-01-02T03:04:05Z'))
    const certificate = new X509Certificate(public_key)
    expect(certificate.verify(createPublicKey(private_key))).toBe(true)
    expect(certificate.checkPrivateKey(createPrivateKey(private_key))).toBe(true)
    expect(certificate.subject).toBe('CN=user-1')
    expect(certificate.issuer).toBe('CN=user-1')
    expect(new Date(certificate.validFrom).toISOString()).toBe('2026-01-02T03:04:05.000Z')
    expect(new Date(certificate.validTo).toISOString()).toBe('2036-01-02T03:04:05.000Z')
    expect(fingerprint('x509', public_key)).toBe(certificate.fingerprint.toLowerCase())
  })

  test('stays valid past 2049, where dates are written otherwise', async () => {
    const { public_key } = await generateCertificate('user-1', new Date('2045-06-07T08:09:10Z'))
    expect(new Date(new X509Certificate(public_key).validTo).toISOString()).toBe('2055-06-07T08:09:10.000Z')
  })

  test('is refused when it is none', () => {
    expect(() => fingerprint('x509', NOVA_KEY)).toThrow(Problem)
  })
})
