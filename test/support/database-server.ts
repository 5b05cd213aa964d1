import { renameSync } from 'node:fs'
import { join } from 'node:path'
import { startEmbeddedPostgres } from '../../src/platform/db/index.ts'
import { makeTemplates } from './database-templates.ts'
import { quietLog } from './quiet-log.ts'

/**
 * Starts the PostgreSQL of a test process in the directory given, with its templates, and leaves it running. A process
 * of its own, because the test runner ends the children of each test file with it.
 */
const directory = Bun.argv[2] ?? ''
const server = await startEmbeddedPostgres({
  directory: join(directory, 'pg'),
  log: quietLog,
  // Tests need no durability; those that kill the server find its writes in the page cache.
  settings: { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '200' },
})
await makeTemplates(server.connection)
const unfinished = join(directory, 'connection.new')
await Bun.write(unfinished, server.connection)
renameSync(unfinished, join(directory, 'connection'))
process.exit(0)
