import type { ConsoleKind, QueryAnswer } from '../../src/contracts/index.ts'

/** What a driver does for whoever looks at a guest. */
export interface ConsoleVerbs {
  /**
   * Where the console is on this host; a serial line has no port.
   * @throws {DriverError} `not_found` without a guest that runs; `unsupported` for one without such a console.
   */
  consoleAddress(serverId: string, kind: ConsoleKind): Promise<QueryAnswer<'console_address'>>
  /**
   * Opens the guest's screen (RFB, as a VNC client speaks it) or its first serial line. Of a serial line there is one
   * reader: a new one takes it over.
   * @throws {DriverError} as `consoleAddress`
   */
  openConsole(serverId: string, kind: ConsoleKind, events: ConsoleEvents): Promise<Console>
}

/** A console that is open: what is written goes to the guest. */
export interface Console {
  write(bytes: Uint8Array): void
  /** Stops what comes from the guest, and lets it go on. */
  pause(): void
  resume(): void
  close(): void
}

export interface ConsoleEvents {
  data(bytes: Uint8Array): void
  /** Called once when the guest's side ends, for instance because the guest does. Not after `close`. */
  end(): void
}
