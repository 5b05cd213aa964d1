import { randomBytes } from 'node:crypto'
import { isIPv4 } from 'node:net'
import type { Instance } from '../../src/contracts/index.ts'
import { networkData } from './network-data.ts'

/**
 * What a guest is told about itself. The metadata service and the config drive carry the same documents, in the two
 * trees that guests look for: EC2's and OpenStack's.
 */
export interface DocumentOptions {
  /** Appended to a host name without a dot; '' for none. `[api] dhcp_domain`. */
  readonly dhcp_domain: string
  /** What an operator tells all guests; `{}` for nothing. */
  readonly vendor_data: Readonly<Record<string, unknown>>
  /** The first floating IP, where the guest has one. */
  readonly public_ipv4?: string
}

type Json = Record<string, unknown>

/** A directory of EC2's tree: texts and further directories. */
export interface Ec2Directory {
  readonly [name: string]: string | Ec2Directory
}

export const EC2_VERSIONS = [
  '1.0',
  '2007-01-19',
  '2007-03-01',
  '2007-08-29',
  '2007-10-10',
  '2007-12-15',
  '2008-02-01',
  '2008-09-01',
  '2009-04-04',
] as const

/** Each added something to the documents: Folsom, Grizzly, Havana, Liberty, Newton (two), Ocata, Rocky, Victoria, Epoxy. */
export const OPENSTACK_VERSIONS = [
  '2012-08-10',
  '2013-04-04',
  '2013-10-17',
  '2015-10-15',
  '2016-06-30',
  '2016-10-06',
  '2017-02-22',
  '2018-08-27',
  '2020-10-14',
  '2025-04-04',
] as const

const NEWEST_OPENSTACK = OPENSTACK_VERSIONS.at(-1)!
const NEWEST_EC2 = EC2_VERSIONS.at(-1)!

/** The name that stands for the newest version in both trees. */
export const LATEST = 'latest'

/** Dates compare as texts; `1.0` is before them all. */
const since = (version: string, introduced: string): boolean => version === LATEST || version >= introduced

/** `meta-data` of EC2's tree. @param version one of `EC2_VERSIONS`, or `latest`. */
export function ec2MetaData(instance: Instance, version: string, options: DocumentOptions): Ec2Directory {
  const { flavor, image, key } = instance
  const hostname = fullHostname(instance, options)
  const address = instance.vifs.flatMap(({ fixed_ips }) => fixed_ips).find(({ ip_address }) => isIPv4(ip_address))
  const parts: [introduced: string, Ec2Directory][] = [
    [
      '1.0',
      {
        'ami-id': image ? ec2Id('ami', image.id) : '',
        'ami-launch-index': String(instance.launch_index),
        'ami-manifest-path': 'FIXME',
        'instance-id': ec2Id('i', instance.server_id),
        hostname,
        'local-ipv4': address?.ip_address ?? '',
        'reservation-id': instance.reservation_id,
        'security-groups': instance.security_groups.join('\n'),
        ...(key ? { 'public-keys': { '0': { 'openssh-key': key.public_key } } } : {}),
      },
    ],
    [
      '2007-01-19',
      { 'local-hostname': hostname, 'public-hostname': hostname, 'public-ipv4': options.public_ipv4 ?? '' },
    ],
    ['2007-08-29', { 'instance-type': flavor.name }],
    ['2007-12-15', { 'block-device-mapping': blockDevices(instance) }],
    ['2008-02-01', { placement: { 'availability-zone': instance.availability_zone ?? '' } }],
    ['2008-09-01', { 'instance-action': 'none' }],
  ]
  return Object.assign({}, ...parts.filter(([introduced]) => since(version, introduced)).map(([, part]) => part))
}

function blockDevices({ flavor }: Instance): Ec2Directory {
  const further = [...(flavor.ephemeral_gb > 0 ? ['ephemeral0'] : []), ...(flavor.swap_mb > 0 ? ['swap'] : [])]
  const devices = further.map((name, index) => [name, `/dev/vd${'bc'[index]}`])
  return { ami: 'vda', root: '/dev/vda', ...Object.fromEntries(devices) }
}

/** EC2's short form of an id, the same for ever: Nova counts in a table, here it is the first half of the id. */
const ec2Id = (kind: 'i' | 'ami', id: string): string => `${kind}-${id.slice(0, 8)}`

/** A file of OpenStack's tree: `meta_data.json` and its bytes. */
export type Documents = ReadonlyMap<string, Uint8Array>

/**
 * The files of one version of OpenStack's tree.
 * @param version one of `OPENSTACK_VERSIONS`, or `latest`.
 * @param extra what only a config drive tells, as the admin password.
 */
export function openstackDocuments(
  instance: Instance,
  version: string,
  options: DocumentOptions,
  extra: Json = {},
): Documents {
  const { user_data } = instance
  const files = new Map<string, Uint8Array>([
    ['meta_data.json', json({ ...metaData(instance, version, options), ...extra })],
  ])
  if (user_data !== null) files.set('user_data', Buffer.from(user_data, 'base64'))
  if (since(version, '2013-10-17')) files.set('vendor_data.json', json(options.vendor_data))
  if (since(version, '2015-10-15')) files.set('network_data.json', json(networkData(instance.vifs)))
  if (since(version, '2016-10-06')) files.set('vendor_data2.json', json({ static: options.vendor_data }))
  return files
}

function metaData(instance: Instance, version: string, options: DocumentOptions): Json {
  const { key, metadata, personality } = instance
  return {
    uuid: instance.server_id,
    ...(Object.keys(metadata).length > 0 ? { meta: metadata } : {}),
    ...(personality.length > 0
      ? { files: personality.map(({ path }, index) => ({ path, content_path: `/content/${contentName(index)}` })) }
      : {}),
    ...(key
      ? {
          public_keys: { [key.name]: key.public_key },
          keys: [{ name: key.name, type: key.type, data: key.public_key }],
        }
      : {}),
    hostname: fullHostname(instance, options),
    name: instance.name,
    launch_index: instance.launch_index,
    availability_zone: instance.availability_zone,
    ...(since(version, '2013-04-04') ? { random_seed: randomBytes(512).toString('base64') } : {}),
    ...(since(version, '2015-10-15') ? { project_id: instance.project_id } : {}),
    // Devices that bear a tag; there are none yet.
    ...(since(version, '2016-06-30') ? { devices: [] } : {}),
    ...(since(version, '2020-10-14') ? { dedicated_cpus: [] } : {}),
  }
}

/** The guest's name with its domain. */
export function fullHostname({ hostname }: Instance, { dhcp_domain }: DocumentOptions): string {
  return dhcp_domain === '' || hostname.includes('.') ? hostname : `${hostname}.${dhcp_domain}`
}

/** `0000`: what an injected file is called below `openstack/content`. */
const contentName = (index: number): string => String(index).padStart(4, '0')

/** The injected files, by their name below `openstack/content`. */
export function contentFiles({ personality }: Instance): Documents {
  return new Map(personality.map(({ contents }, index) => [contentName(index), Buffer.from(contents, 'base64')]))
}

/** All files of a config drive, by path: both trees in all their versions. */
export function configDriveFiles(instance: Instance, options: DocumentOptions): Documents {
  const { admin_password, user_data } = instance
  const extra = admin_password === undefined ? {} : { admin_pass: admin_password }
  const files = new Map<string, Uint8Array>()
  for (const [directory, version] of [[NEWEST_EC2, NEWEST_EC2], [LATEST, NEWEST_EC2]] as const) {
    files.set(`ec2/${directory}/meta-data.json`, json(ec2MetaData(instance, version, options)))
    if (user_data !== null) files.set(`ec2/${directory}/user-data`, Buffer.from(user_data, 'base64'))
  }
  for (const version of [...OPENSTACK_VERSIONS, LATEST]) {
    const documents = openstackDocuments(instance, version === LATEST ? NEWEST_OPENSTACK : version, options, extra)
    for (const [name, bytes] of documents) files.set(`openstack/${version}/${name}`, bytes)
  }
  for (const [name, bytes] of contentFiles(instance)) files.set(`openstack/content/${name}`, bytes)
  return files
}

const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))
