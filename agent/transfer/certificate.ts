import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { der } from '../../src/kernel/index.ts'

const { integer, oid, sequence, set, tagged, time } = der

export interface Certificate {
  readonly key_pem: string
  readonly certificate_pem: string
  /** SHA-256 of the certificate in DER, in hex. */
  readonly sha256: string
}

const OID = {
  commonName: oid('550403'),
  ecdsaWithSha256: oid('2a8648ce3d040302'),
  basicConstraints: oid('551d13'),
}
const NAME = 'bunova disk transfer'
const VALID_MS = 7 * 24 * 3600 * 1000
/** Hosts' clocks differ. */
const SKEW_MS = 24 * 3600 * 1000

/** A key on P-256 and a certificate signed by itself, for one transfer: whoever knows its fingerprint trusts it. */
export function makeCertificate(now_ms: number): Certificate {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const name = sequence(set(sequence(OID.commonName, tagged(0x0c, Buffer.from(NAME)))))
  const algorithm = sequence(OID.ecdsaWithSha256)
  const isAuthority = sequence(tagged(0x01, Buffer.of(0xff)))
  const signedPart = sequence(
    tagged(0xa0, integer(Buffer.of(2))),
    integer(der.serialNumber()),
    algorithm,
    name,
    sequence(time(new Date(now_ms - SKEW_MS)), time(new Date(now_ms + VALID_MS))),
    name,
    pair.publicKey.export({ type: 'spki', format: 'der' }),
    // Its own authority: a client is given it as the only one.
    tagged(0xa3, sequence(sequence(OID.basicConstraints, tagged(0x04, isAuthority)))),
  )
  const signature = sign('sha256', signedPart, pair.privateKey)
  const certificate = sequence(signedPart, algorithm, tagged(0x03, Buffer.of(0), signature))
  return {
    key_pem: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    certificate_pem: der.pemCertificate(certificate),
    sha256: createHash('sha256').update(certificate).digest('hex'),
  }
}
