import { readFileSync } from 'node:fs'
import type { ConnectionOptions as TlsOptions } from 'node:tls'

/** Where a database is, parsed from a `[database] connection` line. */
export interface Endpoint {
  /** Name or address, or the directory of a unix socket (absolute). */
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly password: string
  readonly ssl: false | 'require' | 'prefer' | TlsOptions
}

/** A `connection` option that cannot be used; the message never contains its password. */
export class ConnectionStringError extends Error {
  override readonly name = 'ConnectionStringError'
}

/** SQLAlchemy's names of drivers for PostgreSQL: they mean the same to us. */
const SCHEMES = /^(?:postgresql|postgres)(?:\+(?:psycopg2|psycopg2cffi|psycopg|asyncpg|pg8000|pygresql))?$/
const PARAMETERS = [
  'host',
  'port',
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'client_encoding',
  'application_name',
]

/**
 * Reads a connection line as oslo.db and libpq write it: `postgresql://user:password@host:5432/nova`,
 * `postgresql+psycopg2://…`, `postgresql:///nova?host=/run/postgresql`, `…?sslmode=verify-full&sslrootcert=FILE`.
 * @throws {ConnectionStringError} saying what is wrong with it.
 */
export function parseConnection(text: string): Endpoint {
  const scheme = text.slice(0, Math.max(0, text.indexOf('://')))
  if (!SCHEMES.test(scheme)) {
    const found = scheme === '' ? 'it has no scheme' : `its scheme is "${scheme}"`
    throw new ConnectionStringError(
      `a database connection must read postgresql://user:password@host/database, but ${found}; ` +
        'PostgreSQL 15 or later is the only database supported',
    )
  }
  // A made-up host lets URL parse the form without one, as it stands for a unix socket.
  const hostless = text.slice(scheme.length + 3).replace(/^([^/@]*@)?(?=[/?]|$)/, '$1default-host')
  let url: URL
  try {
    url = new URL(`postgresql://${hostless}`)
  } catch {
    throw new ConnectionStringError('a database connection is not a valid URL; special characters need %XX')
  }
  const unknown = [...url.searchParams.keys()].find((name) => !PARAMETERS.includes(name))
  if (unknown !== undefined) {
    throw new ConnectionStringError(`unknown parameter "${unknown}" in a database connection; known: ${PARAMETERS}`)
  }

  const named = url.hostname === 'default-host' ? '' : decodeURIComponent(url.hostname).replace(/^\[(.*)\]$/, '$1')
  const host = url.searchParams.get('host') ?? (named || 'localhost')
  const port = url.searchParams.get('port') ?? (url.port || '5432')
  if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535) {
    throw new ConnectionStringError(`port "${port}" of a database connection is not between 1 and 65535`)
  }
  const database = decodeURIComponent(url.pathname.slice(1))
  if (database === '') throw new ConnectionStringError('a database connection names no database: …@host/DATABASE')
  return {
    host,
    port: Number(port),
    database,
    user: decodeURIComponent(url.username) || process.env.USER || 'nova',
    password: decodeURIComponent(url.password),
    ssl: host.startsWith('/') ? false : sslOf(url.searchParams),
  }
}

/** libpq's `sslmode` in the terms of Node's TLS. */
function sslOf(parameters: URLSearchParams): Endpoint['ssl'] {
  const mode = parameters.get('sslmode') ?? 'prefer'
  const files = { ca: 'sslrootcert', cert: 'sslcert', key: 'sslkey' } as const
  const tls: TlsOptions = {}
  for (const [option, parameter] of Object.entries(files)) {
    const path = parameters.get(parameter)
    if (path === null || path === 'system') continue
    try {
      tls[option as keyof typeof files] = readFileSync(path)
    } catch (error) {
      throw new ConnectionStringError(`cannot read ${parameter} of a database connection: ${(error as Error).message}`)
    }
  }
  switch (mode) {
    case 'disable':
      return false
    case 'allow':
    case 'prefer':
      return 'prefer'
    case 'require':
      return { ...tls, rejectUnauthorized: false }
    case 'verify-ca':
      return { ...tls, rejectUnauthorized: true, checkServerIdentity: () => undefined }
    case 'verify-full':
      return { ...tls, rejectUnauthorized: true }
    default:
      throw new ConnectionStringError(`sslmode "${mode}" of a database connection is not one that libpq knows`)
  }
}
