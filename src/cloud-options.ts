import { type Config, loadConfig, type Overrides } from './platform/config/index.ts'

export const ROLES = ['api', 'scheduler', 'conductor', 'compute'] as const
export type Role = (typeof ROLES)[number]

export interface CloudOptions {
  /** All of them when empty. */
  readonly roles?: readonly Role[]
  readonly config_files?: readonly string[]
  readonly state_path?: string
  /** `ADDRESS:PORT`; port 0 takes a free one. */
  readonly listen?: { readonly host: string; readonly port: number }
  readonly compute_driver?: 'auto' | 'libvirt' | 'fake'
  readonly fake_hosts?: number
  readonly debug?: boolean
  readonly log_dir?: string
  /** Options that win over every file, for tests and for whoever embeds a cloud. */
  readonly overrides?: Overrides
  /** Told of each thing worth a line on a terminal: warnings of the configuration, the driver that was taken. */
  readonly say?: (line: string) => void
}

/**
 * The configuration that the options and the files they name amount to.
 * @throws {ConfigError}; {Error} for roles that cannot run apart as they are configured.
 */
export function configOf(options: CloudOptions): { config: Config; warnings: string[]; roles: ReadonlySet<Role> } {
  const { config, warnings } = loadConfig({
    ...(options.config_files?.length ? { files: options.config_files } : {}),
    overrides: overridesOf(options),
  })
  const roles = new Set<Role>(options.roles?.length ? options.roles : ROLES)
  assertSplitIsPossible(roles, config)
  return { config, warnings, roles }
}

function overridesOf(options: CloudOptions): Overrides {
  const { listen, state_path, compute_driver, debug, log_dir, fake_hosts } = options
  const given = options.overrides
  return {
    ...given,
    DEFAULT: {
      ...given?.DEFAULT,
      ...(state_path ? { state_path } : {}),
      ...(listen ? { osapi_compute_listen: listen.host, osapi_compute_listen_port: listen.port } : {}),
      ...(compute_driver ? { compute_driver } : {}),
      ...(debug ? { debug } : {}),
      ...(log_dir ? { log_dir } : {}),
    },
    bunova: { ...given?.bunova, ...(fake_hosts ? { fake_hosts } : {}) },
  }
}

/** Roles that run apart find each other by a bus and a database that all of them reach. */
function assertSplitIsPossible(roles: ReadonlySet<Role>, config: Config): void {
  if (roles.size === ROLES.length) return
  const missing = [
    ...(config.DEFAULT.transport_url ? [] : ['[DEFAULT] transport_url = redis://…']),
    ...(config.database.connection || (roles.size === 1 && roles.has('compute')) ? [] : ['[database] connection = postgresql://…']),
  ]
  if (missing.length === 0) return
  throw new Error(`roles that run apart (here: ${[...roles].join(', ')}) need in nova.conf: ${missing.join('; ')}`)
}
