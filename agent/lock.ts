import { mkdirSync, statSync } from 'node:fs'

/** The directory is in use by another agent of this machine. */
export class DirectoryInUse extends Error {
  override readonly name = 'DirectoryInUse'
}

/**
 * Holds a directory for this process alone. The lock is a socket in the kernel's abstract namespace: it goes with the
 * process, however that ends, so there is no stale one to judge.
 * @throws {DirectoryInUse}
 */
export function lockDirectory(directory: string): { release(): void } {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const { dev, ino } = statSync(directory)
  try {
    const socket = Bun.listen({
      unix: `\0bunova-agent-${dev}-${ino}`,
      socket: { open: (client) => void client.end(), data() {} },
    })
    socket.unref()
    return { release: () => socket.stop(true) }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    throw new DirectoryInUse(`another agent uses ${directory}; stop it, or give this one another state_path`)
  }
}
