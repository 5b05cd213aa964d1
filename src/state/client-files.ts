import { join } from 'node:path'
import { writePrivateFile } from './files.ts'
import type { Secrets } from './secrets.ts'

/** Writes `openrc` and `clouds.yaml`, with which a client reaches this cloud: `. openrc`, or `--os-cloud bunova`. */
export function writeClientFiles(directory: string, url: string, secrets: Secrets): void {
  writePrivateFile(join(directory, 'openrc'), openrc(url, secrets))
  writePrivateFile(join(directory, 'clouds.yaml'), cloudsYaml(url, secrets))
}

function openrc(url: string, secrets: Secrets): string {
  const variables = {
    OS_AUTH_TYPE: 'password',
    OS_AUTH_URL: `${url}/identity/v3`,
    OS_IDENTITY_API_VERSION: '3',
    OS_USERNAME: 'admin',
    OS_PASSWORD: secrets.admin_password,
    OS_PROJECT_NAME: 'admin',
    OS_USER_DOMAIN_NAME: 'Default',
    OS_PROJECT_DOMAIN_NAME: 'Default',
    OS_REGION_NAME: 'RegionOne',
    OS_INTERFACE: 'public',
  }
  const exports = Object.entries(variables).map(([name, value]) => `export ${name}='${value}'`)
  return ['# Rewritten at each start. Use it by: . openrc', 'unset OS_CLOUD OS_TOKEN', ...exports, ''].join('\n')
}

function cloudsYaml(url: string, secrets: Secrets): string {
  const cloud = (name: string, user: string, password: string): string => `  ${name}:
    auth_type: password
    region_name: RegionOne
    identity_api_version: 3
    auth:
      auth_url: ${url}/identity/v3
      username: ${user}
      password: ${password}
      project_name: ${user}
      user_domain_name: Default
      project_domain_name: Default
`
  return `# Rewritten at each start. bunova is the administrator, bunova-demo an ordinary user.
clouds:
${cloud('bunova', 'admin', secrets.admin_password)}${cloud('bunova-demo', 'demo', secrets.demo_password)}`
}
