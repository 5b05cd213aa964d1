import type { Instance } from '../../src/contracts/index.ts'
import {
  contentFiles,
  type DocumentOptions,
  EC2_VERSIONS,
  type Ec2Directory,
  ec2MetaData,
  LATEST,
  OPENSTACK_VERSIONS,
  openstackDocuments,
} from './documents.ts'

/** What a path of the metadata service holds: bytes and their type, or null for nothing. */
export interface Found {
  readonly body: Uint8Array | string
  readonly type: 'application/json' | 'text/plain' | 'application/octet-stream'
}

/** Where a guest leaves the password that it has made for its owner. */
export const isPassword = (path: readonly string[]): boolean =>
  path[0] === 'openstack' && path.length === 3 && path[2] === 'password' && hasPassword(path[1] ?? '')

/** The segments of a path; `//` and a `/` at the end count for nothing. */
export const segmentsOf = (path: string): string[] => path.split('/').filter((segment) => segment !== '')

/** Looks a path up in both trees, as Nova does: what begins with neither's name is EC2's. */
export function lookUp(instance: Instance, password: string, path: readonly string[], options: DocumentOptions): Found | null {
  const [first, ...rest] = path
  if (first === 'openstack') return openstack(instance, password, rest, options)
  return ec2(instance, first === 'ec2' ? rest : path, options)
}

function openstack(instance: Instance, password: string, path: readonly string[], options: DocumentOptions): Found | null {
  const [version, name, ...rest] = path
  if (version === undefined) return listing([...OPENSTACK_VERSIONS, LATEST])
  if (version === 'content') return rest.length === 0 && name !== undefined ? bytes(contentFiles(instance).get(name)) : null
  if (version !== LATEST && !(OPENSTACK_VERSIONS as readonly string[]).includes(version)) return null
  if (rest.length > 0) return null
  const files = openstackDocuments(instance, version === LATEST ? OPENSTACK_VERSIONS.at(-1)! : version, options)
  if (name === undefined) return listing([...files.keys(), ...(hasPassword(version) ? ['password'] : [])])
  if (name === 'password' && hasPassword(version)) return text(password)
  const file = files.get(name)
  return file === undefined ? null : name.endsWith('.json') ? { body: file, type: 'application/json' } : bytes(file)
}

/** Since Grizzly. */
const hasPassword = (version: string): boolean => version === LATEST || version >= '2013-04-04'

function ec2(instance: Instance, path: readonly string[], options: DocumentOptions): Found | null {
  const [version, kind, ...rest] = path
  if (version === undefined) return listing([...EC2_VERSIONS, LATEST])
  if (version !== LATEST && !(EC2_VERSIONS as readonly string[]).includes(version)) return null
  const { user_data } = instance
  if (kind === undefined) return listing(['meta-data/', ...(user_data === null ? [] : ['user-data'])])
  if (kind === 'user-data') return user_data === null || rest.length > 0 ? null : bytes(Buffer.from(user_data, 'base64'))
  if (kind !== 'meta-data') return null
  return walk(ec2MetaData(instance, version, options), rest, instance.key?.name ?? '')
}

function walk(directory: Ec2Directory, path: readonly string[], keyName: string): Found | null {
  let here: string | Ec2Directory = directory
  for (const segment of path) {
    if (typeof here === 'string' || !Object.hasOwn(here, segment)) return null
    here = here[segment]!
  }
  if (typeof here === 'string') return text(here)
  // Of keys alone a listing tells more than their names: which key is at which place.
  if (path.at(-1) === 'public-keys') return listing(Object.keys(here).map((place) => `${place}=${keyName}`))
  return listing(Object.entries(here).map(([name, value]) => (typeof value === 'string' ? name : `${name}/`)))
}

const text = (body: string): Found => ({ body, type: 'text/plain' })
const listing = (names: readonly string[]): Found => text(names.join('\n'))
const bytes = (body: Uint8Array | undefined): Found | null =>
  body === undefined ? null : { body, type: 'application/octet-stream' }
