import { CommandError, runLimited } from './limited-command.ts'

/**
 * The only place that runs `qemu-img`. Formats are always named, on both sides, so that it never guesses one from bytes
 * that a tenant chose.
 */
export type DiskFormat = 'raw' | 'qcow2'

export interface DiskFile {
  readonly path: string
  readonly format: DiskFormat
}

export class QemuImgError extends Error {
  override readonly name = 'QemuImgError'
}

export interface ConvertOptions {
  /** Compresses the clusters of a qcow2 target. */
  readonly compress?: boolean
  /** Reads a disk that a running guest writes to: what comes out is as after a power failure. */
  readonly shared?: boolean
  /** Told how far it is, in percent. */
  readonly onProgress?: (percent: number) => void
}

const PERCENT = /\(\s*(\d+(?:\.\d+)?)\/100%\)/g

/**
 * Copies what a guest sees on a disk into a new, sparse file of its own.
 * @throws {QemuImgError} with what it said.
 */
export async function convertDisk(
  source: DiskFile,
  target: DiskFile,
  signal: AbortSignal,
  { compress = false, shared = false, onProgress }: ConvertOptions = {},
): Promise<void> {
  const flags = [
    ...(compress && target.format === 'qcow2' ? ['-c'] : []),
    ...(shared ? ['-U'] : []),
    ...(onProgress ? ['-p'] : []),
  ]
  const args = ['convert', ...flags, '-f', source.format, '-O', target.format, source.path, target.path]
  await run(args, signal, onProgress && ((text) => {
    const last = [...text.matchAll(PERCENT)].at(-1)?.[1]
    if (last !== undefined) onProgress(Number(last))
  }))
}

/** Makes a disk larger; what the guest had on it stays. @throws {QemuImgError} */
export async function growDisk({ path, format }: DiskFile, size_bytes: number, signal: AbortSignal): Promise<void> {
  await run(['resize', '-f', format, path, String(size_bytes)], signal)
}

/**
 * Has a qcow2 file stand on `base` from now on, whose content must be that of what it stood on before.
 * @throws {QemuImgError}
 */
export async function placeOnBase(path: string, base: DiskFile, signal: AbortSignal): Promise<void> {
  await run(['rebase', '-u', '-f', 'qcow2', '-F', base.format, '-b', base.path, path], signal)
}

/** The version of the tool that is installed. @throws {QemuImgError} when none is. */
export async function qemuImgVersion(): Promise<string> {
  return (await run(['--version'], new AbortController().signal)).split('\n')[0] ?? ''
}

async function run(args: readonly string[], signal: AbortSignal, onOutput?: (text: string) => void): Promise<string> {
  try {
    return await runLimited(['qemu-img', ...args], signal, onOutput ? { onOutput } : {})
  } catch (error) {
    if (error instanceof CommandError) throw new QemuImgError(error.message, { cause: error })
    throw error
  }
}
