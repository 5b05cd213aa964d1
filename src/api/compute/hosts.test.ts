import { afterAll, beforeAll, expect, test } from 'bun:test'
import { type ComputeApi, OTHER_PROJECT, PROJECT, startComputeApi } from '../../../test/support/compute-api.ts'

let api: ComputeApi
const ask = (method: string, path: string, body?: unknown) =>
  api.ask(method, path, { as: 'admin', v: '2.42', ...(body === undefined ? {} : { body }) })

beforeAll(async () => {
  api = await startComputeApi()
  for (const host of ['cmp1', 'cmp2']) await api.addHost(host)
  await api.addServer({ host: 'cmp1' })
  await api.addServer({ host: 'cmp1', project_id: OTHER_PROJECT })
})
afterAll(() => api.stop())

test('hosts are listed by their services, of one zone if asked', async () => {
  const { body } = await ask('GET', '/os-hosts')
  expect(body.hosts).toEqual([
    { host_name: 'cmp1', service: 'compute', zone: 'nova' },
    { host_name: 'cmp2', service: 'compute', zone: 'nova' },
  ])
  expect((await ask('GET', '/os-hosts?zone=internal')).body.hosts).toEqual([])
})

test('a host shows what it has, what is taken and what its servers may take, of each project too', async () => {
  const { body } = await ask('GET', '/os-hosts/cmp1')
  const row = (project: string, cpu: number, memory_mb: number, disk_gb: number) => ({
    resource: { host: 'cmp1', project, cpu, memory_mb, disk_gb },
  })
  expect(body.host).toEqual([
    row('(total)', 4, 8192, 100),
    row('(used_now)', 0, 512, 0),
    row('(used_max)', 2, 128, 2),
    row(PROJECT, 1, 64, 1),
    row(OTHER_PROJECT, 1, 64, 1),
  ])
  expect((await ask('GET', '/os-hosts/elsewhere')).status).toBe(404)
})

test('a host is disabled and enabled', async () => {
  expect((await ask('PUT', '/os-hosts/cmp2', { status: 'Disable' })).body).toEqual({ host: 'cmp2', status: 'disabled' })
  const { body } = await ask('GET', '/os-services?host=cmp2')
  expect(body.services[0].status).toBe('disabled')
  expect((await ask('PUT', '/os-hosts/cmp2', { status: 'enable' })).body.status).toBe('enabled')
  expect((await ask('PUT', '/os-hosts/elsewhere', { status: 'enable' })).status).toBe(404)
  expect((await ask('PUT', '/os-hosts/cmp2', { status: 'maybe' })).status).toBe(400)
})

test('a machine is neither switched nor put into maintenance from here', async () => {
  for (const verb of ['reboot', 'shutdown', 'startup']) {
    expect((await ask('GET', `/os-hosts/cmp1/${verb}`)).status).toBe(501)
    expect((await ask('GET', `/os-hosts/elsewhere/${verb}`)).status).toBe(404)
  }
  expect((await ask('PUT', '/os-hosts/cmp1', { maintenance_mode: 'enable' })).status).toBe(501)
})

test('no host has written down what its servers used', async () => {
  const { body } = await ask('GET', '/os-instance_usage_audit_log/2026-03-15 10:00:00')
  expect(body.instance_usage_audit_log).toEqual({
    hosts_not_run: ['cmp1', 'cmp2'],
    log: {},
    num_hosts: 2,
    num_hosts_done: 0,
    num_hosts_not_run: 2,
    num_hosts_running: 0,
    overall_status: '0 of 2 hosts done. 0 errors.',
    period_beginning: '2026-02-01 00:00:00',
    period_ending: '2026-03-01 00:00:00',
    total_errors: 0,
    total_instances: 0,
  })
  expect((await ask('GET', '/os-instance_usage_audit_log')).body.instance_usage_audit_logs.num_hosts).toBe(2)
  expect((await ask('GET', '/os-instance_usage_audit_log/yesterday')).status).toBe(400)
})
