import { readdirSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { HttpRoute } from '../../platform/http/index.ts'

/** Nothing from elsewhere, no inline script: a console shows what a guest wants to show. Frames are Horizon's way. */
const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'",
  // The address of the page has the token in it.
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-cache',
}

const PAGES = ['vnc_auto.html', 'vnc.js', 'serial.html', 'serial.js', 'console.css']

/** The pages and what they load: ours, noVNC's modules and xterm's. Each file is a route; no path is looked up. */
export function pageRoutes(): HttpRoute[] {
  const noVnc = dirname(dirname(fileURLToPath(import.meta.resolve('@novnc/novnc'))))
  const xterm = dirname(dirname(fileURLToPath(import.meta.resolve('@xterm/xterm'))))
  return [
    ...PAGES.map((name) => fileRoute(`/${name}`, join(import.meta.dir, 'pages', name))),
    ...scriptsBelow(noVnc, 'core').map((name) => fileRoute(`/novnc/${name}`, join(noVnc, name))),
    ...scriptsBelow(noVnc, 'vendor').map((name) => fileRoute(`/novnc/${name}`, join(noVnc, name))),
    fileRoute('/xterm/xterm.mjs', join(xterm, 'lib/xterm.mjs')),
    fileRoute('/xterm/xterm.css', join(xterm, 'css/xterm.css')),
  ]
}

function scriptsBelow(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.js'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
}

function fileRoute(path: string, file: string): HttpRoute {
  const blob = Bun.file(file)
  const headers = { ...HEADERS, 'content-type': blob.type }
  return { method: 'GET', path, handle: () => ({ status: 200, raw: blob, headers }) }
}
