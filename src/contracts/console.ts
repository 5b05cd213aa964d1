import { type Static, Type as T } from '@sinclair/typebox'

/** A guest's screen, or its first serial line. */
export const ConsoleKind = T.Union([T.Literal('vnc'), T.Literal('serial')])
export type ConsoleKind = Static<typeof ConsoleKind>

/**
 * How a host brings a console to whoever looks at it: it opens a websocket to the address it was given and shows the
 * ticket in this header. So a host listens nowhere for it. Binary messages are the console's bytes, both ways. A text
 * message to the host is a decimal number: so many more bytes may it send. It begins with `CONSOLE_WINDOW_BYTES`.
 */
export const CONSOLE_TICKET_HEADER = 'x-console-ticket'

/** What may be under way from a host to a viewer that reads slowly. */
export const CONSOLE_WINDOW_BYTES = 256 * 1024
