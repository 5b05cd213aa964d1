import { expect, test } from 'bun:test'
import { testInstance } from '../test-instance.ts'
import type { DocumentOptions } from './documents.ts'
import { isPassword, lookUp, segmentsOf } from './tree.ts'

const options: DocumentOptions = { dhcp_domain: 'novalocal', vendor_data: {}, public_ipv4: '203.0.113.9' }
const instance = testInstance({
  hostname: 'web-1',
  metadata: { role: 'web' },
  key: { name: 'mine', type: 'ssh', public_key: 'ssh-ed25519 AAAA' },
  user_data: Buffer.from('#!/bin/sh\n').toString('base64'),
})
const get = (path: string, of = instance) => {
  const found = lookUp(of, 'secret', segmentsOf(path), options)
  return found && Buffer.from(found.body as string).toString()
}

test('the root and a version list what is below them', () => {
  expect(get('/')?.split('\n')).toEqual(expect.arrayContaining(['1.0', '2009-04-04', 'latest']))
  expect(get('/latest/')).toBe('meta-data/\nuser-data')
  expect(get('/openstack')?.split('\n').slice(-2)).toEqual(['2025-04-04', 'latest'])
  expect(get('/openstack/2012-08-10')).toBe('meta_data.json\nuser_data')
  expect(get('//openstack//latest/')?.split('\n')).toEqual([
    'meta_data.json', 'user_data', 'vendor_data.json', 'network_data.json', 'vendor_data2.json', 'password',
  ])
})

test('EC2 documents are found below their names, with and without the name of the tree', () => {
  expect(get('/latest/meta-data/hostname')).toBe('web-1.novalocal')
  expect(get('/ec2/2009-04-04/meta-data/public-ipv4')).toBe('203.0.113.9')
  expect(get('/latest/meta-data')?.split('\n')).toEqual(expect.arrayContaining(['placement/', 'public-keys/', 'instance-id']))
  expect(get('/latest/meta-data/public-keys/')).toBe('0=mine')
  expect(get('/latest/meta-data/public-keys/0')).toBe('openssh-key')
  expect(get('/latest/meta-data/public-keys/0/openssh-key')).toBe('ssh-ed25519 AAAA')
  expect(get('/latest/user-data')).toBe('#!/bin/sh\n')
})

test('OpenStack documents', () => {
  expect(JSON.parse(get('/openstack/latest/meta_data.json')!)).toMatchObject({ meta: { role: 'web' }, hostname: 'web-1.novalocal' })
  expect(get('/openstack/latest/user_data')).toBe('#!/bin/sh\n')
  expect(get('/openstack/latest/password')).toBe('secret')
  expect(isPassword(segmentsOf('/openstack/2012-08-10/password'))).toBe(false)
})

test('what is not there is not found, whatever its name', () => {
  const paths = [
    '/latest/meta-data/nothing', '/latest/meta-data/hostname/x', '/latest/api/token', '/openstack/2011-01-01',
    '/openstack/latest/meta_data.json/x', '/latest/meta-data/constructor', '/openstack/content', '/openstack/content/../x',
    '/latest/meta-data/__proto__', '/1999-01-01/meta-data', '/openstack/latest/instance.json',
  ]
  expect(paths.map((path) => get(path))).toEqual(paths.map(() => null))
  const bare = testInstance({ user_data: null, key: null })
  expect(['/latest/user-data', '/openstack/latest/user_data', '/latest/meta-data/public-keys'].map((path) => get(path, bare))).toEqual([null, null, null])
})
