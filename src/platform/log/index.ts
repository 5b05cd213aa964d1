import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import pino from 'pino'
import { type LineFormat, type LogRecord, novaLine, terminalLine } from './line.ts'
import type { Logger } from './logger.ts'

export type { LogFields, Logger, LogMethod } from './logger.ts'

export interface LogOptions {
  /** Directory of one file per role, `nova-api.log` and so on; stderr when absent. Made when missing. */
  log_dir?: string | undefined
  /** One file for all roles instead; relative to `log_dir`. */
  log_file?: string | undefined
  debug?: boolean | undefined
}

export interface Logs {
  /** The log of a role or API by its Nova name: `nova-api`, `nova-scheduler`. */
  role(name: string): Logger
  /** Opens the files anew after logrotate moved them; SIGHUP does it too. */
  reopen(): void
  close(): void
}

interface Sink {
  write(text: string): void
  reopen(): void
  close(): void
}

/**
 * Opens the logs of this process. Lines are written synchronously, so that the last ones before a crash are there.
 * @throws when `log_dir` cannot be made or written to.
 */
export function openLogs(options: LogOptions = {}): Logs {
  const level = options.debug ? 'debug' : 'info'
  const sinks = new Map<string, Sink>()
  const roles = new Map<string, Logger>()

  const reopen = () => sinks.forEach((sink) => sink.reopen())
  process.on('SIGHUP', reopen)

  function sinkOf(role: string): Sink {
    const path = filePath(options, role)
    const key = path ?? 'stderr'
    let sink = sinks.get(key)
    if (!sink) sinks.set(key, (sink = path === undefined ? stderrSink : fileSink(path)))
    return sink
  }

  return {
    role(name) {
      let log = roles.get(name)
      if (!log) roles.set(name, (log = roleLog(level, sinkOf(name), lineFormat(options, name))))
      return log
    },
    reopen,
    close() {
      process.off('SIGHUP', reopen)
      sinks.forEach((sink) => sink.close())
      sinks.clear()
    },
  }
}

/** A log that says nothing, for code that is run outside of a service. */
export const silentLog: Logger = pino({ enabled: false })

function filePath({ log_dir, log_file }: LogOptions, role: string): string | undefined {
  if (log_file) return log_dir ? join(log_dir, log_file) : log_file
  return log_dir ? join(log_dir, `${role}.log`) : undefined
}

function lineFormat(options: LogOptions, role: string): LineFormat {
  const toTerminal = filePath(options, role) === undefined && process.stderr.isTTY
  return toTerminal ? terminalLine(role) : novaLine(role)
}

/** pino makes the record (levels, bindings, error chains); the stream behind it gives the record its printed form. */
function roleLog(level: string, sink: Sink, format: LineFormat): Logger {
  const options = {
    level,
    base: null,
    messageKey: '@text',
    timestamp: () => `,"@time":${Date.now()}`,
    formatters: { level: (_label: string, number: number) => ({ '@level': number }) },
    serializers: { err: pino.stdSerializers.err },
  }
  return pino(options, { write: (json: string) => sink.write(format(JSON.parse(json) as LogRecord)) })
}

function fileSink(path: string): Sink {
  mkdirSync(join(path, '..'), { recursive: true, mode: 0o750 })
  const file = pino.destination({ dest: path, sync: true, mode: 0o640 })
  // A full disk must not end the service: sonic-boom keeps the line and tries again with the next one.
  file.on('error', () => {})
  return {
    write: (text) => void file.write(text),
    reopen: () => file.reopen(),
    close: () => file.end(),
  }
}

const stderrSink: Sink = {
  write: (text) => void process.stderr.write(text),
  reopen() {},
  close() {},
}
