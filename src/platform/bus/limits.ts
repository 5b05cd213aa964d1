/** Bounds that both bindings keep, so that neither behaves differently under load. */

/** Messages a topic holds for a group that is behind; the oldest go first, and a sweep finds their work again. */
export const MAX_WAITING = 10_000
/** Wait before a message whose handler failed is delivered for the n-th time again: n times this. */
export const REDELIVERY_WAIT_MS = 100
/** How long `stop` and `close` wait for handlers in flight. */
export const STOP_DEADLINE_MS = 5_000
