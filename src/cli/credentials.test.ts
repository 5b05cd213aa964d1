import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findCredentials } from './credentials.ts'

let statePath: string
beforeAll(() => {
  statePath = mkdtempSync(join(tmpdir(), 'bunova-credentials-'))
  writeFileSync(
    join(statePath, 'openrc'),
    "export OS_AUTH_URL='http://own/v3'\nexport OS_USERNAME='admin'\nexport OS_PASSWORD='p'\nexport OS_PROJECT_NAME='admin'\n",
  )
  writeFileSync(
    join(statePath, 'clouds.yaml'),
    'clouds:\n  mine:\n    auth: {auth_url: http://mine/v3, username: u, password: p, project_name: q, user_domain_name: D}\n  half:\n    auth: {auth_url: http://half/v3}\n',
  )
})
afterAll(() => rmSync(statePath, { recursive: true }))

const nowhere = { XDG_CONFIG_HOME: '/nonexistent' }
const variables = { ...nowhere, OS_AUTH_URL: 'http://env/v3', OS_USERNAME: 'e', OS_PASSWORD: 'p', OS_PROJECT_NAME: 'q' }

test('a named cloud wins over variables, and these over the openrc of the state path', () => {
  expect(findCredentials({ env: variables, cloud: 'mine', statePath })).toMatchObject({
    auth_url: 'http://mine/v3',
    user_domain_name: 'D',
    project_domain_name: 'Default',
  })
  expect(findCredentials({ env: { ...variables, OS_CLOUD: 'mine' }, statePath }).auth_url).toBe('http://mine/v3')
  expect(findCredentials({ env: variables, statePath }).username).toBe('e')
  expect(findCredentials({ env: nowhere, statePath })).toMatchObject({ auth_url: 'http://own/v3', username: 'admin' })
})

test('what is missing is named', () => {
  const failure = (env: Record<string, string>, cloud?: string) => () => findCredentials({ env, cloud, statePath })
  expect(failure({ ...variables, OS_PASSWORD: '' })).toThrow('OS_PASSWORD is not set')
  expect(failure(nowhere, 'half')).toThrow(`${statePath}/clouds.yaml: the cloud half has no auth.username`)
  expect(failure(nowhere, 'constructor')).toThrow('there is no cloud constructor in')
  expect(() => findCredentials({ env: nowhere, statePath: '/nonexistent' })).toThrow('no credentials: source an openrc')
})

test('an application credential needs its secret and nothing else', () => {
  const env = { ...nowhere, OS_AUTH_URL: 'http://env', OS_APPLICATION_CREDENTIAL_ID: 'a' }
  expect(() => findCredentials({ env, statePath })).toThrow('OS_APPLICATION_CREDENTIAL_SECRET is not set')
  const whole = { ...env, OS_APPLICATION_CREDENTIAL_SECRET: 's' }
  expect(findCredentials({ env: whole, statePath }).application_credential_id).toBe('a')
})
