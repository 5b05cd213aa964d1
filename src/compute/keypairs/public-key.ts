import { createHash, generateKeyPair, X509Certificate } from 'node:crypto'
import { promisify } from 'node:util'
import { badRequest } from '../../kernel/index.ts'
import type { KeypairType } from './keypairs.store.ts'

/** Key types that OpenSSH writes into `authorized_keys`. */
const SSH_KEY_TYPES = new Set([
  'ssh-rsa',
  'ssh-dss',
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'sk-ssh-ed25519@openssh.com',
  'sk-ecdsa-sha2-nistp256@openssh.com',
])

/** A public key's text is at most this long; RSA with 16384 bits has about 2.8 KB. */
const MAX_PUBLIC_KEY_CHARS = 16_384

/**
 * The fingerprint by which Nova knows a key: MD5 of an SSH key's blob, SHA-1 of an X.509 certificate, as hex pairs.
 * @throws {Problem} bad_request when the text is not such a key.
 */
export function fingerprint(type: KeypairType, publicKey: string): string {
  if (publicKey.length > MAX_PUBLIC_KEY_CHARS) throw invalid(`it is longer than ${MAX_PUBLIC_KEY_CHARS} characters`)
  return type === 'ssh' ? sshFingerprint(publicKey) : certificateFingerprint(publicKey)
}

function sshFingerprint(publicKey: string): string {
  const line = publicKey.trim()
  if (/[\r\n]/.test(line)) throw invalid('it has more than one line')
  const [name = '', base64 = ''] = line.split(/\s+/, 2)
  if (!SSH_KEY_TYPES.has(name)) throw invalid('failed to generate fingerprint')
  const blob = Buffer.from(base64, 'base64')
  // The blob begins with the name again: base64 of something else does not.
  const length = blob.length >= 4 ? blob.readUInt32BE(0) : 0
  const complete = blob.toString('base64').replaceAll('=', '') === base64.replaceAll('=', '')
  if (
    !complete ||
    length !== name.length ||
    blob.toString('latin1', 4, 4 + length) !== name ||
    blob.length <= 8 + length
  ) {
    throw invalid('failed to generate fingerprint')
  }
  return hexPairs('md5', blob)
}

function certificateFingerprint(pem: string): string {
  try {
    return hexPairs('sha1', new X509Certificate(pem).raw)
  } catch (cause) {
    throw badRequest(
      'Keypair data is invalid: failed to generate X509 fingerprint. Error message: not a PEM certificate',
      cause,
    )
  }
}

function hexPairs(algorithm: 'md5' | 'sha1', data: Uint8Array): string {
  return createHash(algorithm)
    .update(data)
    .digest('hex')
    .replaceAll(/..(?=.)/g, '$&:')
}

const invalid = (why: string) => badRequest(`Keypair data is invalid: ${why}`)

const generate = promisify(generateKeyPair)

/** A new RSA key of 2048 bits: the private part as PKCS #1 PEM, the public one as a line for `authorized_keys`. */
export async function generateSshKey(): Promise<{ private_key: string; public_key: string }> {
  const pair = await generate('rsa', { modulusLength: 2048 })
  const { n = '', e = '' } = pair.publicKey.export({ format: 'jwk' })
  const blob = Buffer.concat([
    sshString(Buffer.from('ssh-rsa')),
    sshNumber(Buffer.from(e, 'base64url')),
    sshNumber(Buffer.from(n, 'base64url')),
  ])
  return {
    private_key: pair.privateKey.export({ type: 'pkcs1', format: 'pem' }) as string,
    public_key: `ssh-rsa ${blob.toString('base64')} Generated-by-Nova`,
  }
}

function sshString(data: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(data.length)
  return Buffer.concat([length, data])
}

/** RFC 4251's mpint: a zero byte in front keeps a number with its highest bit set from being negative. */
function sshNumber(data: Buffer): Buffer {
  return sshString((data[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), data]) : data)
}
