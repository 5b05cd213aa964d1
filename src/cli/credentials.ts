import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'yaml'

/** Who asks, and where: what `openstack` takes from its environment or from clouds.yaml. */
export interface Credentials {
  readonly auth_url: string
  readonly username?: string
  readonly password?: string
  readonly user_domain_name: string
  readonly project_name?: string
  readonly project_domain_name: string
  readonly application_credential_id?: string
  readonly application_credential_secret?: string
}

export interface CredentialSources {
  readonly env: Readonly<Record<string, string | undefined>>
  /** `--os-cloud`; wins over the environment. */
  readonly cloud?: string | undefined
  /** Of a cloud on this machine: has `openrc` and `clouds.yaml`. */
  readonly statePath: string
}

const HOW = 'source an openrc, set OS_CLOUD or give --os-cloud NAME, or say with --state-path where the cloud on this machine keeps its own'

/**
 * As openstackclient looks for them: the named cloud of a clouds.yaml, the OS_* variables, and last the openrc that a
 * cloud on this machine has written.
 * @throws {Error} that says what was looked for
 */
export function findCredentials({ env, cloud, statePath }: CredentialSources): Credentials {
  const name = cloud ?? env.OS_CLOUD
  if (name !== undefined) return ofCloud(name, env, statePath)
  if (env.OS_AUTH_URL !== undefined) return fromVariables(env)
  const openrc = join(statePath, 'openrc')
  if (existsSync(openrc)) return fromVariables(readOpenrc(readFileSync(openrc, 'utf8')))
  throw new Error(`no credentials: ${HOW}`)
}

/** The variables that an openrc exports. */
export function readOpenrc(text: string): Record<string, string> {
  const lines = text.matchAll(/^\s*export\s+(\w+)=(.*)$/gm)
  return Object.fromEntries([...lines].map(([, name, value]) => [name!, value!.trim().replace(/^(['"])(.*)\1$/, '$2')]))
}

/** @throws {Error} that names the variable that is missing */
export function fromVariables(env: Readonly<Record<string, string | undefined>>): Credentials {
  return complete(
    {
      auth_url: env.OS_AUTH_URL,
      username: env.OS_USERNAME,
      password: env.OS_PASSWORD,
      user_domain_name: env.OS_USER_DOMAIN_NAME,
      project_name: env.OS_PROJECT_NAME,
      project_domain_name: env.OS_PROJECT_DOMAIN_NAME,
      application_credential_id: env.OS_APPLICATION_CREDENTIAL_ID,
      application_credential_secret: env.OS_APPLICATION_CREDENTIAL_SECRET,
    },
    (field) => `OS_${field.toUpperCase()} is not set`,
  )
}

function ofCloud(name: string, env: CredentialSources['env'], statePath: string): Credentials {
  const files = [
    env.OS_CLIENT_CONFIG_FILE,
    'clouds.yaml',
    join(env.XDG_CONFIG_HOME ?? join(homedir(), '.config'), 'openstack/clouds.yaml'),
    '/etc/openstack/clouds.yaml',
    join(statePath, 'clouds.yaml'),
  ].filter((file) => file !== undefined)
  const looked: string[] = []
  for (const file of files) {
    if (!existsSync(file)) continue
    looked.push(file)
    const { clouds } = (parse(readFileSync(file, 'utf8')) ?? {}) as { clouds?: Record<string, { auth?: Partial<Credentials> }> }
    const auth = clouds && Object.hasOwn(clouds, name) ? clouds[name]?.auth : undefined
    if (auth) return complete(auth, (field) => `${file}: the cloud ${name} has no auth.${field}`)
  }
  throw new Error(
    `there is no cloud ${name} in ${looked.length === 0 ? 'any clouds.yaml (none was found)' : looked.join(', ')}`,
  )
}

function complete(
  given: { readonly [K in keyof Credentials]?: Credentials[K] | undefined },
  missing: (field: string) => string,
): Credentials {
  const needed = given.application_credential_id
    ? (['auth_url', 'application_credential_secret'] as const)
    : (['auth_url', 'username', 'password', 'project_name'] as const)
  for (const field of needed) if (!given[field]) throw new Error(`${missing(field)}; ${HOW}`)
  const known = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  return { user_domain_name: 'Default', project_domain_name: 'Default', ...known } as Credentials
}
