/** One record as pino writes it; its own keys have an `@`, so that no field can take their place. */
export interface LogRecord {
  '@level': number
  /** Milliseconds since the epoch. */
  '@time': number
  '@text'?: string
  [field: string]: unknown
}

/** Turns a record into what is written, newline included. */
export type LineFormat = (record: LogRecord) => string

const LEVELS: Readonly<Record<number, string>> = { 20: 'DEBUG', 30: 'INFO', 40: 'WARNING', 50: 'ERROR', 60: 'CRITICAL' }
const COLOURS: Readonly<Record<number, string>> = { 20: '\x1b[2m', 40: '\x1b[33m', 50: '\x1b[31m', 60: '\x1b[31m' }
const RESET = '\x1b[0m'

/** Fields with a place of their own in the line, or already part of it. */
const PLACED = new Set(['@level', '@time', '@text', 'err', 'module', 'request_id', 'user_id', 'project_id', 'instance'])

const SECRET_KEY = /pass(word|wd)?$|passphrase|secret|token|authorization|cookie|private_?key|credential|admin_?pass/i
/** A password within a URL, as transport_url and connection have it. */
const SECRET_IN_URL = /\b([a-z][a-z0-9+.-]*:\/\/[^\s:@/]*):[^\s@/]+@/gi
const SECRET_IN_TEXT =
  /(token|image-grant|authorization|password|admin_?pass|secret)(["']?\s*[:=]\s*["']?)(?:bearer |basic )?[^\s"',;&}]+/gi
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const UNPRINTABLE = /[\x00-\x1f\x7f-\x9f\u2028\u2029]/g

/** Text of one line is bounded: a hostile name of a megabyte costs one short line. */
const MAX_TEXT = 2048
const MAX_DEPTH = 4

/**
 * Nova's own form, which operators' log shippers parse:
 * `2013-10-17 12:00:00.123 1234 INFO nova.api [req-… user project] [instance: <uuid>] text key=value`.
 * A stack follows as further lines with the same prefix, as oslo.log writes tracebacks.
 */
export function novaLine(role: string): LineFormat {
  const source = role.replace('-', '.')
  return (record) => {
    const level = LEVELS[record['@level']] ?? 'INFO'
    const from = `${timestamp(record['@time'])} ${process.pid} ${level} ${plain(record.module) || source}`
    const head = `${from}${requestPart(record)}${instancePart(record)}`
    let text = `${head} ${body(record)}\n`
    for (const line of stackLines(record.err)) text += `${head} ${line}\n`
    return text
  }
}

/** A short, coloured form for a person at a terminal. */
export function terminalLine(role: string): LineFormat {
  return (record) => {
    const colour = COLOURS[record['@level']] ?? ''
    const level = (LEVELS[record['@level']] ?? 'INFO').padEnd(7)
    const source = plain(record.module) || role
    const head = `${timestamp(record['@time']).slice(11)} ${colour}${level}${colour && RESET} ${source}`
    let text = `${head} ${body(record)}${instancePart(record)}${requestPart(record)}\n`
    for (const line of stackLines(record.err)) text += `    ${line}\n`
    return text
  }
}

function requestPart(record: LogRecord): string {
  const request = plain(record.request_id)
  if (request === '') return ''
  return ` [${request} ${plain(record.user_id) || '-'} ${plain(record.project_id) || '-'}]`
}

function instancePart(record: LogRecord): string {
  const instance = plain(record.instance)
  return instance === '' ? '' : ` [instance: ${instance}]`
}

function body(record: LogRecord): string {
  let text = plain(record['@text'])
  for (const key in record) {
    if (PLACED.has(key)) continue
    text += ` ${key}=${SECRET_KEY.test(key) ? '***' : value(record[key])}`
  }
  return text
}

function value(field: unknown): string {
  if (typeof field === 'string')
    return /[\s"=]/.test(field) || field === '' ? JSON.stringify(plain(field)) : plain(field)
  if (typeof field === 'object' && field !== null) return plain(JSON.stringify(withoutSecrets(field, MAX_DEPTH)))
  return String(field)
}

function withoutSecrets(field: unknown, depth: number): unknown {
  if (typeof field !== 'object' || field === null) return field
  if (depth === 0) return '…'
  if (Array.isArray(field)) return field.map((item) => withoutSecrets(item, depth - 1))
  return Object.fromEntries(
    Object.entries(field).map(([key, item]) => [key, SECRET_KEY.test(key) ? '***' : withoutSecrets(item, depth - 1)]),
  )
}

function stackLines(err: unknown): string[] {
  if (typeof err !== 'object' || err === null) return err === undefined ? [] : [plain(err)]
  const { stack, message } = err as { stack?: unknown; message?: unknown }
  return String(stack ?? message ?? '')
    .split('\n')
    .map(plain)
    .filter((line) => line !== '')
}

/** Bounded, without line breaks or terminal escapes (a name in a request must not forge a line), secrets masked. */
function plain(text: unknown): string {
  if (text === undefined || text === null) return ''
  let line = String(text)
  if (line.length > MAX_TEXT) line = `${line.slice(0, MAX_TEXT)}…`
  return line
    .replace(UNPRINTABLE, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`)
    .replace(SECRET_IN_URL, '$1:***@')
    .replace(SECRET_IN_TEXT, '$1$2***')
}

let lastSecond = -1
let lastSecondText = ''

/** `2013-10-17 12:00:00.123`, local time as oslo.log writes it. The part up to the second is kept between lines. */
function timestamp(time: number): string {
  const second = Math.floor(time / 1000)
  if (second !== lastSecond) {
    const at = new Date(time)
    const two = (n: number) => String(n).padStart(2, '0')
    lastSecondText =
      `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ` +
      `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
    lastSecond = second
  }
  return `${lastSecondText}.${String(time - second * 1000).padStart(3, '0')}`
}
