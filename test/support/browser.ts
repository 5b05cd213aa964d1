import { type Browser, chromium } from 'playwright-core'
import { findProgram } from '../../src/system/index.ts'

/** Nothing but what the test asks for: no updates, no look-ups of hosts elsewhere. */
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
const START_DEADLINE_MS = 60_000

/** Starts the distribution's Chromium without a window. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: findProgram('chromium')!, args: ARGUMENTS, timeout: START_DEADLINE_MS })
}
