import { join } from 'node:path'
import { writePrivateFile } from './files.ts'
import type { Secrets } from './secrets.ts'

type Passwords = Pick<Secrets, 'admin_password' | 'demo_password'>

const ASKS = '# The passwords were drawn where this cloud was started first. Clients ask for one that is not here.'

/**
 * Writes `openrc` and `clouds.yaml`, with which a client reaches this cloud: `. openrc`, or `--os-cloud bunova`.
 * Without `passwords`, clients will ask for them.
 */
export function writeClientFiles(directory: string, url: string, passwords: Passwords | null): void {
  writePrivateFile(join(directory, 'openrc'), openrc(url, passwords))
  writePrivateFile(join(directory, 'clouds.yaml'), cloudsYaml(url, passwords))
}

function openrc(url: string, passwords: Passwords | null): string {
  const variables = {
    OS_AUTH_TYPE: 'password',
    OS_AUTH_URL: `${url}/identity/v3`,
    OS_IDENTITY_API_VERSION: '3',
    OS_USERNAME: 'admin',
    ...(passwords ? { OS_PASSWORD: passwords.admin_password } : {}),
    OS_PROJECT_NAME: 'admin',
    OS_USER_DOMAIN_NAME: 'Default',
    OS_PROJECT_DOMAIN_NAME: 'Default',
    OS_REGION_NAME: 'RegionOne',
    OS_INTERFACE: 'public',
  }
  const exports = Object.entries(variables).map(([name, value]) => `export ${name}='${value}'`)
  return [
    '# Rewritten at each start. Use it by: . openrc',
    ...(passwords ? [] : [ASKS]),
    'unset OS_CLOUD OS_TOKEN',
    ...exports,
    '',
  ].join('\n')
}

function cloudsYaml(url: string, passwords: Passwords | null): string {
  const cloud = (name: string, user: string, password: string | undefined): string => `  ${name}:
    auth_type: password
    region_name: RegionOne
    identity_api_version: 3
    auth:
      auth_url: ${url}/identity/v3
      username: ${user}
${password === undefined ? '' : `      password: ${password}\n`}      project_name: ${user}
      user_domain_name: Default
      project_domain_name: Default
`
  return `# Rewritten at each start. bunova is the administrator, bunova-demo an ordinary user.
${passwords ? '' : `${ASKS}\n`}clouds:
${cloud('bunova', 'admin', passwords?.admin_password)}${cloud('bunova-demo', 'demo', passwords?.demo_password)}`
}
