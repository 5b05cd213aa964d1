import { generateKeyPair, sign } from 'node:crypto'
import { promisify } from 'node:util'

/**
 * A key and a certificate of its own for a user, as Windows guests take them for a login over WinRM: RSA 2048, signed
 * by itself with SHA-256, valid for ten years, for client authentication, the user's name as UPN.
 */
export async function generateCertificate(
  userId: string,
  now: Date,
): Promise<{ private_key: string; public_key: string }> {
  const pair = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 })
  const name = sequence(set(sequence(OID.commonName, der(0x0c, Buffer.from(userId.slice(0, 64))))))
  const until = new Date(now)
  until.setUTCFullYear(now.getUTCFullYear() + VALID_YEARS)
  const signedPart = sequence(
    der(0xa0, integer(Buffer.of(2))),
    integer(serialNumber()),
    SHA256_WITH_RSA,
    name,
    sequence(time(now), time(until)),
    name,
    pair.publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(extension(OID.extendedKeyUsage, sequence(OID.clientAuth)), alternativeName(userId))),
  )
  const signature = sign('sha256', signedPart, pair.privateKey)
  const certificate = sequence(signedPart, SHA256_WITH_RSA, der(0x03, Buffer.of(0), signature))
  return {
    private_key: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    public_key: pem(certificate),
  }
}

const VALID_YEARS = 10

/** ASN.1 in DER: a tag, the length of what follows, and that. */
function der(tag: number, ...parts: Uint8Array[]): Buffer {
  const content = Buffer.concat(parts)
  return Buffer.concat([Buffer.of(tag), length(content.length), content])
}

function length(bytes: number): Buffer {
  if (bytes < 0x80) return Buffer.of(bytes)
  const digits = Buffer.from(bytes.toString(16).padStart(bytes > 0xff ? 4 : 2, '0'), 'hex')
  return Buffer.concat([Buffer.of(0x80 | digits.length), digits])
}

const sequence = (...parts: Uint8Array[]): Buffer => der(0x30, ...parts)
const set = (...parts: Uint8Array[]): Buffer => der(0x31, ...parts)
const integer = (bytes: Uint8Array): Buffer => der(0x02, bytes)
const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'))

const OID = {
  commonName: oid('550403'),
  sha256WithRsa: oid('2a864886f70d01010b'),
  extendedKeyUsage: oid('551d25'),
  clientAuth: oid('2b06010505070302'),
  subjectAltName: oid('551d11'),
  userPrincipalName: oid('2b060104018237140203'),
}
const SHA256_WITH_RSA = sequence(OID.sha256WithRsa, der(0x05))

const extension = (id: Buffer, value: Buffer): Buffer => sequence(id, der(0x04, value))

function alternativeName(userId: string): Buffer {
  const upn = der(0xa0, der(0x0c, Buffer.from(`${userId.slice(0, 200)}@localhost`)))
  return extension(OID.subjectAltName, sequence(der(0xa0, OID.userPrincipalName, upn)))
}

/** Positive, and unlike any other: 127 random bits. */
function serialNumber(): Buffer {
  const bytes = Buffer.from(crypto.getRandomValues(new Uint8Array(16)))
  bytes[0] = (bytes[0]! & 0x7f) | 0x40
  return bytes
}

/** UTCTime up to 2049, GeneralizedTime after it: RFC 5280. */
function time(date: Date): Buffer {
  const digits = date.toISOString().replaceAll(/[-:T]/g, '').slice(0, 14)
  return date.getUTCFullYear() < 2050
    ? der(0x17, Buffer.from(`${digits.slice(2)}Z`))
    : der(0x18, Buffer.from(`${digits}Z`))
}

function pem(certificate: Buffer): string {
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}
