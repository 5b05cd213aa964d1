import * as fs from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'

/**
 * A file of JSON lines that only grows. Each line stands alone, so whatever a crash did to the file, all lines that are
 * whole still count: a torn one is skipped, wherever it stands.
 */
export interface AppendLog<Entry> {
  /** Bytes in the file now. */
  readonly bytes: number
  /** Writes one line; it is in the page cache when this returns. @throws what the file system says. */
  append(entry: Entry): void
  /** Resolves when all that was appended before is on disk. Callers that wait at the same time share one sync. */
  sync(): Promise<void>
  /** Puts `entries` in the place of all lines, in one step: after a crash there is the old file or the new one. */
  rewrite(entries: Iterable<Entry>): void
  close(): void
}

export interface AppendLogOptions<Entry> {
  readonly file: string
  /** The entry that a line's JSON value stands for. @throws when it is none. */
  readonly parse: (value: unknown) => Entry
  /** Whether `sync` and `rewrite` reach the disk; without, a crash of the machine may lose the last lines. */
  readonly durable: boolean
}

/** What was in the file at `openAppendLog`. */
export interface Replayed<Entry> {
  readonly entries: Entry[]
  /** Lines that could not be read; more than one torn last line means a damaged file. */
  readonly skipped: number
}

const fdatasync = promisify(fs.fdatasync)

/** Opens the log, making the file and its directory where they are missing, and reads what is in it. */
export function openAppendLog<Entry>(options: AppendLogOptions<Entry>): [AppendLog<Entry>, Replayed<Entry>] {
  const { file, durable } = options
  fs.mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const text = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : ''
  let fd = fs.openSync(file, 'a', 0o600)
  let bytes = Buffer.byteLength(text)
  // After a torn line the next one begins on a line of its own.
  let torn = text !== '' && !text.endsWith('\n')
  let closed = false
  let syncing: Promise<void> | undefined
  let next: Promise<void> | undefined

  function append(entry: Entry): void {
    // The descriptor's number may be another file's by now.
    if (closed) throw new Error('the log is closed')
    const line = `${torn ? '\n' : ''}${JSON.stringify(entry)}\n`
    torn = true
    bytes += writeWhole(fd, line)
    torn = false
  }

  function sync(): Promise<void> {
    if (!durable || closed) return Promise.resolve()
    if (!syncing) return startSync()
    // The one that runs may have begun before the last append: wait for one that begins after it.
    next ??= syncing.catch(() => {}).then(() => {
      next = undefined
      return startSync()
    })
    return next
  }

  function startSync(): Promise<void> {
    syncing = fdatasync(fd).finally(() => (syncing = undefined))
    return syncing
  }

  function rewrite(entries: Iterable<Entry>): void {
    const fresh = `${file}.new`
    const freshFd = fs.openSync(fresh, 'w', 0o600)
    let size = 0
    try {
      size = writeWhole(freshFd, [...entries].map((entry) => `${JSON.stringify(entry)}\n`).join(''))
      if (durable) fs.fdatasyncSync(freshFd)
    } finally {
      fs.closeSync(freshFd)
    }
    fs.renameSync(fresh, file)
    if (durable) syncDirectory(dirname(file))
    release(fd)
    fd = fs.openSync(file, 'a', 0o600)
    bytes = size
    torn = false
  }

  /** Closes a file once no sync of it is under way. */
  function release(old: number): void {
    if (syncing) void syncing.catch(() => {}).then(() => fs.closeSync(old))
    else fs.closeSync(old)
  }

  const log: AppendLog<Entry> = {
    get bytes() {
      return bytes
    },
    append,
    sync,
    rewrite,
    close() {
      if (!closed) release(fd)
      closed = true
    },
  }
  return [log, replay(text, options.parse)]
}

/** Returns the bytes written: all of `text`. A full disk may take a part of it before it says so. */
function writeWhole(fd: number, text: string): number {
  const data = Buffer.from(text)
  for (let at = 0; at < data.length; ) at += fs.writeSync(fd, data, at)
  return data.length
}

/** Makes a rename in the directory last. */
function syncDirectory(directory: string): void {
  const fd = fs.openSync(directory, 'r')
  try {
    fs.fsyncSync(fd)
  } finally {
    fs.closeSync(fd)
  }
}

function replay<Entry>(text: string, parse: (value: unknown) => Entry): Replayed<Entry> {
  const entries: Entry[] = []
  let skipped = 0
  for (const line of text.split('\n')) {
    if (line === '') continue
    try {
      entries.push(parse(JSON.parse(line)))
    } catch {
      skipped++
    }
  }
  return { entries, skipped }
}
