import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { Validator } from '@seriousme/openapi-schema-validator'
import { docsFaces } from '../../src/api/compute/index.ts'
import type { OpenApi } from '../../src/api/compute/openapi/document.ts'
import { MAX_VERSION } from '../../src/api/compute/version.ts'
import { serve } from '../../src/platform/http/index.ts'
import { type ComputeApi, FACE_SETTINGS, startComputeApi } from '../support/compute-api.ts'
import { quietLog } from '../support/quiet-log.ts'
import { type AnyRow, methodOf, rowsOf } from './rows.ts'

let api: ComputeApi
let server: Awaited<ReturnType<typeof serve>>

beforeAll(async () => {
  api = await startComputeApi()
  server = await serve({
    faces: docsFaces({ compute: api.compute, ...FACE_SETTINGS }),
    listen: { host: '127.0.0.1', port: 0 },
    logs: { role: () => quietLog },
    classify: () => undefined,
    accessLog: false,
  })
})
afterAll(async () => {
  await server.stop({ deadline_s: 1 })
  await api.stop()
})

const get = (path: string) => fetch(`${server.url}${path}`)
const document = async (query = ''): Promise<OpenApi> => (await get(`/openapi.json${query}`)).json() as Promise<OpenApi>

const served = (v: number): AnyRow[] => rowsOf(api).filter((row) => row.since <= v && v <= row.until && row.ok.at(-1)![1] !== 410)

describe('the description of the API', () => {
  test.each([1, 53, MAX_VERSION])('at 2.%d is valid OpenAPI, and names every route that is served, and no other', async (v) => {
    const found = await document(`?version=2.${v}`)
    expect(await new Validator().validate(structuredClone(found) as never)).toEqual({ valid: true })
    const operations = Object.entries(found.paths).flatMap(([path, item]) =>
      Object.keys(item).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{[^}]+\}/g, ':')}`),
    )
    const rows = served(v).map((row) => `${methodOf(row)} ${row.path.replaceAll(/:[a-z_]+/g, ':')}`)
    expect(new Set(operations)).toEqual(new Set(rows))
    const ids = Object.values(found.paths).flatMap((item) => Object.values(item).map(({ operationId }) => operationId))
    expect(new Set(ids).size).toBe(ids.length)
  })

  test('names every action with its rule, wherever it is written', async () => {
    const { paths } = await document()
    const facts = paths['/servers/{server_id}/action']!.post!['x-openstack']
    const keys = served(MAX_VERSION).flatMap((row) => ('key' in row && row.path === '/servers/:server_id/action' ? row.key : []))
    expect(new Set(Object.keys(facts))).toEqual(new Set(keys))
  })

  test('says what a body may hold at that version', async () => {
    const body = async (v: string) => {
      const { paths } = await document(`?version=${v}`)
      return JSON.stringify(paths['/os-keypairs']!.post!.requestBody)
    }
    expect(await body('2.1')).not.toContain('"type":{"enum"')
    expect(await body('2.2')).toContain('"type":{"enum":["ssh","x509"]}')
    expect(await body('2.92')).toContain('"required":["name","public_key"]')
  })

  test('refuses a version that is none', async () => {
    for (const version of ['2.0', '3.1', `2.${MAX_VERSION + 1}`, 'new', '2.1.1']) {
      expect((await get(`/openapi.json?version=${version}`)).status).toBe(400)
    }
  })

  test('is a page too, that loads nothing and runs nothing', async () => {
    const page = await get('/docs?version=2.60')
    const html = await page.text()
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(html).not.toMatch(/<script|<link|<img|@import|url\(|https?:/)
    expect(html).toContain('<option selected>2.60</option>')
    expect(html).toContain('/servers/{server_id}/tags')
    expect((await get('/docs/nowhere')).status).toBe(404)
    expect((await fetch(`${server.url}/docs`, { method: 'POST' })).status).toBe(405)
  })
})
