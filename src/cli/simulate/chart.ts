import type { Outcome } from './simulation.ts'

const WIDTH = 960
const HEIGHT = 456
/** Of the plot within the picture. */
const AREA = { left: 72, right: 888, top: 88, bottom: 396 }

/** Okabe and Ito's colours, which the colour-blind can tell apart too. */
const LINES = [
  { key: 'memory', title: 'RAM', colour: '#0072B2' },
  { key: 'vcpus', title: 'vCPU', colour: '#D55E00' },
  { key: 'disk', title: 'Disk', colour: '#009E73' },
] as const
const REFUSED = '#CC79A7'
const INK = '#222222'
const FAINT = '#d9d9d9'

/** How full the fleet was over time: a line for each quantity, a bar for what was refused. */
export function fillChart({ moments, hosts, arrivals, placed, refused }: Outcome, subtitle: string): string {
  const end_s = moments.at(-1)?.at_s ?? 1
  const x = (at_s: number): number => AREA.left + ((AREA.right - AREA.left) * at_s) / end_s
  const y = (part: number): number => AREA.bottom - (AREA.bottom - AREA.top) * Math.min(part, 1)
  const most = Math.max(0, ...moments.map((moment) => moment.refused))
  const scale = niceCeiling(most)

  const parts = [
    text(AREA.left, 32, `Fill of ${grouped(hosts)} hosts`, { size: 20, weight: 600 }),
    text(AREA.left, 54, `${grouped(arrivals)} servers asked for, ${grouped(placed)} placed, ${grouped(refused)} refused · ${subtitle}`, { size: 13, fill: '#555555' }),
    legend(most > 0),
    ...[0, 0.25, 0.5, 0.75, 1].flatMap((part) => [
      line(AREA.left, y(part), AREA.right, y(part), part === 0 ? INK : FAINT),
      text(AREA.left - 10, y(part) + 4, `${part * 100} %`, { anchor: 'end' }),
    ]),
    text(20, (AREA.top + AREA.bottom) / 2, 'claimed of what may be claimed', { anchor: 'middle', rotate: true }),
  ]
  if (most > 0) {
    const width = (AREA.right - AREA.left) / moments.length
    for (const moment of moments) {
      if (moment.refused === 0) continue
      const height = ((AREA.bottom - AREA.top) * moment.refused) / scale
      parts.push(`<rect x="${round(Math.max(AREA.left, x(moment.at_s) - width))}" y="${round(AREA.bottom - height)}" width="${round(width)}" height="${round(height)}" fill="${REFUSED}" fill-opacity="0.55"/>`)
    }
    for (const part of [0, 0.5, 1]) parts.push(text(AREA.right + 10, y(part) + 4, grouped(scale * part), { fill: REFUSED }))
    parts.push(text(WIDTH - 14, (AREA.top + AREA.bottom) / 2, `refused per ${duration(end_s / Math.max(1, moments.length - 1))}`, { anchor: 'middle', rotate: true, fill: REFUSED }))
  }
  for (const { key, colour } of LINES) {
    const points = moments.map((moment) => `${round(x(moment.at_s))},${round(y(moment[key]))}`).join(' ')
    parts.push(`<polyline points="${points}" fill="none" stroke="${colour}" stroke-width="2" stroke-linejoin="round"/>`)
  }
  const unit = timeUnit(end_s)
  for (const tick of ticks(end_s / unit.seconds)) {
    const at = x(tick * unit.seconds)
    parts.push(line(at, AREA.bottom, at, AREA.bottom + 5, INK), text(at, AREA.bottom + 20, grouped(tick), { anchor: 'middle' }))
  }
  parts.push(text((AREA.left + AREA.right) / 2, AREA.bottom + 44, `${unit.name} since the start`, { anchor: 'middle' }))

  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" font-family="system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif" font-size="12">`,
    `<title>How full ${grouped(hosts)} hosts are over time</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n')
}

function legend(withRefused: boolean): string {
  const entries = [
    ...LINES.map(({ title, colour }) => ({ title, colour, bar: false })),
    ...(withRefused ? [{ title: 'refused (right scale)', colour: REFUSED, bar: true }] : []),
  ]
  let at: number = AREA.left
  return entries
    .map(({ title, colour, bar }) => {
      const mark = bar
        ? `<rect x="${at}" y="66" width="18" height="10" fill="${colour}" fill-opacity="0.55"/>`
        : `<line x1="${at}" y1="71" x2="${at + 18}" y2="71" stroke="${colour}" stroke-width="3"/>`
      const entry = mark + text(at + 24, 75, title, {})
      at += 24 + title.length * 7 + 24
      return entry
    })
    .join('')
}

interface TextStyle {
  readonly anchor?: 'middle' | 'end'
  readonly size?: number
  readonly weight?: number
  readonly fill?: string
  readonly rotate?: boolean
}

function text(x: number, y: number, words: string, { anchor, size, weight, fill = INK, rotate }: TextStyle): string {
  const attributes = [
    ...(anchor ? [`text-anchor="${anchor}"`] : []),
    ...(size ? [`font-size="${size}"`] : []),
    ...(weight ? [`font-weight="${weight}"`] : []),
    ...(rotate ? [`transform="rotate(-90 ${round(x)} ${round(y)})"`] : []),
  ]
  return `<text x="${round(x)}" y="${round(y)}" fill="${fill}" ${attributes.join(' ')}>${escaped(words)}</text>`
}

const line = (x1: number, y1: number, x2: number, y2: number, colour: string): string =>
  `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" stroke="${colour}"/>`

const escaped = (words: string): string => words.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')
const round = (value: number): number => Math.round(value * 100) / 100
const grouped = (value: number): string => value.toLocaleString('en-US')

function timeUnit(seconds: number): { name: string; seconds: number } {
  if (seconds >= 3 * 86_400) return { name: 'days', seconds: 86_400 }
  if (seconds >= 3 * 3_600) return { name: 'hours', seconds: 3_600 }
  return seconds >= 180 ? { name: 'minutes', seconds: 60 } : { name: 'seconds', seconds: 1 }
}

function duration(seconds: number): string {
  const { name, seconds: unit } = timeUnit(seconds)
  return `${Math.round((seconds / unit) * 10) / 10} ${name}`
}

/** 1, 2 or 5 times a power of ten, so that about eight of them make `most`. */
function ticks(most: number): number[] {
  const rough = most / 8
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough)!
  return Array.from({ length: Math.floor(most / step) + 1 }, (_, index) => round(index * step))
}

function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)))
  return [2, 4, 6, 8, 10].map((factor) => factor * power).find((each) => each >= value) ?? 10
}
