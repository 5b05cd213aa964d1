import { dlopen, FFIType } from 'bun:ffi'
import { closeSync, openSync } from 'node:fs'

/** Where iproute2 keeps namespaces by name. */
export const NAMESPACE_DIRECTORY = '/run/netns'
export const namespacePath = (name: string): string => `${NAMESPACE_DIRECTORY}/${name}`

const CLONE_NEWNET = 0x4000_0000
let libc: { setns(fd: number, kind: number): number } | undefined

/**
 * Does `work` as if this process were in another network namespace: sockets opened and sysctls written by it are that
 * namespace's, and sockets stay there. It must be synchronous, so that nothing else of this process runs meanwhile.
 * @throws {Error} when the namespace cannot be entered, and what `work` throws.
 */
export function inNamespace<T>(path: string | null, work: () => T extends Promise<unknown> ? never : T): T {
  if (path === null) return work()
  libc ??= dlopen('libc.so.6', { setns: { args: [FFIType.i32, FFIType.i32], returns: FFIType.i32 } }).symbols
  // A namespace is a thread's, not a process's.
  const own = openSync('/proc/thread-self/ns/net', 'r')
  try {
    const other = openSync(path, 'r')
    try {
      if (libc.setns(other, CLONE_NEWNET) !== 0) throw new Error(`${path} cannot be entered`)
    } finally {
      closeSync(other)
    }
    try {
      return work()
    } finally {
      if (libc.setns(own, CLONE_NEWNET) !== 0) leaveAtOnce(path)
    }
  } finally {
    closeSync(own)
  }
}

/** In a tenant's namespace nothing of this process may go on. */
function leaveAtOnce(path: string): never {
  console.error(`there is no way back from the namespace ${path}`)
  process.exit(1)
}
