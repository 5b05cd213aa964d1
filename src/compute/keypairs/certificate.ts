import { generateKeyPair, sign } from 'node:crypto'
import { promisify } from 'node:util'
import { der } from '../../kernel/index.ts'

const { integer, oid, sequence, set, tagged, time } = der

/**
 * A key and a certificate of its own for a user, as Windows guests take them for a login over WinRM: RSA 2048, signed
 * by itself with SHA-256, valid for ten years, for client authentication, the user's name as UPN.
 */
export async function generateCertificate(
  userId: string,
  now: Date,
): Promise<{ private_key: string; public_key: string }> {
  const pair = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 })
  const name = sequence(set(sequence(OID.commonName, tagged(0x0c, Buffer.from(userId.slice(0, 64))))))
  const until = new Date(now)
  until.setUTCFullYear(now.getUTCFullYear() + VALID_YEARS)
  const signedPart = sequence(
    tagged(0xa0, integer(Buffer.of(2))),
    integer(der.serialNumber()),
    SHA256_WITH_RSA,
    name,
    sequence(time(now), time(until)),
    name,
    pair.publicKey.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(extension(OID.extendedKeyUsage, sequence(OID.clientAuth)), alternativeName(userId))),
  )
  const signature = sign('sha256', signedPart, pair.privateKey)
  const certificate = sequence(signedPart, SHA256_WITH_RSA, tagged(0x03, Buffer.of(0), signature))
  return {
    private_key: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    public_key: der.pemCertificate(certificate),
  }
}

const VALID_YEARS = 10

const OID = {
  commonName: oid('550403'),
  sha256WithRsa: oid('2a864886f70d01010b'),
  extendedKeyUsage: oid('551d25'),
  clientAuth: oid('2b06010505070302'),
  subjectAltName: oid('551d11'),
  userPrincipalName: oid('2b060104018237140203'),
}
const SHA256_WITH_RSA = sequence(OID.sha256WithRsa, tagged(0x05))

const extension = (id: Buffer, value: Buffer): Buffer => sequence(id, tagged(0x04, value))

function alternativeName(userId: string): Buffer {
  const upn = tagged(0xa0, tagged(0x0c, Buffer.from(`${userId.slice(0, 200)}@localhost`)))
  return extension(OID.subjectAltName, sequence(tagged(0xa0, OID.userPrincipalName, upn)))
}
