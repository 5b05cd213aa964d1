import { expect, test } from 'bun:test'
import { testImage, testInstance } from '../test-instance.ts'
import { configDriveFiles, type DocumentOptions, ec2MetaData, openstackDocuments } from './documents.ts'
import { netmask, networkData } from './network-data.ts'

const options: DocumentOptions = { dhcp_domain: 'novalocal', vendor_data: { site: 'lab' } }
const full = testInstance({
  image: testImage(),
  metadata: { role: 'web' },
  key: { name: 'mine', type: 'ssh', public_key: 'ssh-ed25519 AAAA' },
  user_data: Buffer.from('#!/bin/sh\n\0').toString('base64'),
  personality: [{ path: '/etc/motd', contents: Buffer.from('hello').toString('base64') }],
  admin_password: 'secret',
  vifs: [
    {
      port_id: '11111111-2222-4333-8444-555555555555',
      network_id: '66666666-2222-4333-8444-555555555555',
      network_label: 'private',
      mac_address: 'fa:16:3e:00:00:01',
      mtu: 1450,
      fixed_ips: [
        { subnet_id: 's4', ip_address: '10.0.0.5', prefix_length: 24, gateway_ip: '10.0.0.1' },
        { subnet_id: 's6', ip_address: 'fd00::5', prefix_length: 64, gateway_ip: 'fd00::1' },
      ],
    },
  ],
})

const parse = (bytes: Uint8Array | undefined): Record<string, unknown> => JSON.parse(new TextDecoder().decode(bytes))

test('meta_data.json says who the guest is, and more of it in later versions', () => {
  const first = parse(openstackDocuments(full, '2012-08-10', options).get('meta_data.json'))
  expect(first).toEqual({
    uuid: full.server_id,
    meta: { role: 'web' },
    files: [{ path: '/etc/motd', content_path: '/content/0000' }],
    public_keys: { mine: 'ssh-ed25519 AAAA' },
    keys: [{ name: 'mine', type: 'ssh', data: 'ssh-ed25519 AAAA' }],
    hostname: 'web-1.novalocal',
    name: 'web 1',
    launch_index: 0,
    availability_zone: 'nova',
  })
  const latest = parse(openstackDocuments(full, 'latest', options).get('meta_data.json'))
  expect(latest).toMatchObject({ project_id: full.project_id, devices: [], dedicated_cpus: [] })
  expect(Buffer.from(latest.random_seed as string, 'base64')).toHaveLength(512)
})

test('each version has the files that it introduced', () => {
  const names = (version: string): string[] => [...openstackDocuments(full, version, options).keys()]
  expect(names('2013-04-04')).toEqual(['meta_data.json', 'user_data'])
  expect(names('2013-10-17')).toEqual(['meta_data.json', 'user_data', 'vendor_data.json'])
  expect(names('latest')).toEqual([
    'meta_data.json', 'user_data', 'vendor_data.json', 'network_data.json', 'vendor_data2.json',
  ])
  expect([...openstackDocuments({ ...full, user_data: null }, '2012-08-10', options).keys()]).toEqual(['meta_data.json'])
})

test('the admin password stands on the config drive and in no document of the service', () => {
  const everywhere = [...openstackDocuments(full, 'latest', options).values()].map((bytes) => Buffer.from(bytes).toString())
  expect(everywhere.join()).not.toContain('secret')
  const drive = configDriveFiles(full, options)
  expect(parse(drive.get('openstack/latest/meta_data.json')).admin_pass).toBe('secret')
})

test('a config drive has both trees, and the bytes of user data and files as they were given', () => {
  const drive = configDriveFiles(full, options)
  expect(drive.get('openstack/latest/user_data')).toEqual(Buffer.from('#!/bin/sh\n\0'))
  expect(drive.get('ec2/latest/user-data')).toEqual(Buffer.from('#!/bin/sh\n\0'))
  expect(drive.get('openstack/content/0000')).toEqual(Buffer.from('hello'))
  expect(parse(drive.get('ec2/2009-04-04/meta-data.json'))['instance-type']).toBe('m1.nano')
})

test("EC2's meta-data grows with its versions", () => {
  expect(ec2MetaData(full, '1.0', options)).not.toHaveProperty('instance-type')
  expect(ec2MetaData(full, 'latest', { ...options, public_ipv4: '203.0.113.9' })).toMatchObject({
    hostname: 'web-1.novalocal',
    'local-ipv4': '10.0.0.5',
    'public-ipv4': '203.0.113.9',
    'public-keys': { '0': { 'openssh-key': 'ssh-ed25519 AAAA' } },
    placement: { 'availability-zone': 'nova' },
    'security-groups': 'default',
  })
})

test('network_data.json names links and the addresses on them', () => {
  expect(networkData(full.vifs)).toEqual({
    links: [
      {
        id: 'tap11111111-22',
        vif_id: '11111111-2222-4333-8444-555555555555',
        type: 'bridge',
        mtu: 1450,
        ethernet_mac_address: 'fa:16:3e:00:00:01',
      },
    ],
    networks: [
      { id: 'network0', link: 'tap11111111-22', network_id: full.vifs[0]!.network_id, type: 'ipv4_dhcp' },
      {
        id: 'network1',
        link: 'tap11111111-22',
        network_id: full.vifs[0]!.network_id,
        type: 'ipv6',
        ip_address: 'fd00::5',
        netmask: 'ffff:ffff:ffff:ffff::',
        routes: [{ network: '::', netmask: '::', gateway: 'fd00::1' }],
        services: [],
      },
    ],
    services: [],
  })
})

test('a netmask of IPv6 has as many ones as the prefix is long', () => {
  expect([0, 48, 64, 127, 128].map(netmask)).toEqual([
    '::', 'ffff:ffff:ffff::', 'ffff:ffff:ffff:ffff::', `${'ffff:'.repeat(7)}fffe`, Array(8).fill('ffff').join(':'),
  ])
})
