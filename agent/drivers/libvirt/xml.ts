/** As much of XML as libvirt's documents are made of: elements, attributes and text. */
export interface XmlElement {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: readonly (XmlElement | string)[]
}

/** What libvirt sends is nested less deeply than this. */
const MAX_DEPTH = 64

export class XmlError extends Error {
  override readonly name = 'XmlError'
}

/** Attributes that are undefined, and children that are false, are left out. */
export function element(
  name: string,
  attributes: Readonly<Record<string, string | number | undefined>> = {},
  ...children: (XmlElement | string | number | false)[]
): XmlElement {
  const given = Object.entries(attributes).filter(([, value]) => value !== undefined)
  return {
    name,
    attributes: Object.fromEntries(given.map(([key, value]) => [key, String(value)])),
    children: children
      .filter((child) => child !== false)
      .map((child) => (typeof child === 'number' ? `${child}` : child)),
  }
}

/** The document, indented where an element holds elements only. Every text and value is escaped. */
export function renderXml({ name, attributes, children }: XmlElement, indent = ''): string {
  const pairs = Object.entries(attributes).map(([key, value]) => ` ${key}='${escape(value)}'`)
  const start = `${indent}<${name}${pairs.join('')}`
  if (children.length === 0) return `${start}/>\n`
  if (children.some((child) => typeof child === 'string')) {
    const content = children.map((child) => (typeof child === 'string' ? escape(child) : renderXml(child).trimEnd()))
    return `${start}>${content.join('')}</${name}>\n`
  }
  const nested = children.map((child) => renderXml(child as XmlElement, `${indent}  `))
  return `${start}>\n${nested.join('')}${indent}</${name}>\n`
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', apos: "'", quot: '"' }
const escapes = new Map(Object.entries(entities).map(([name, character]) => [character, `&${name};`]))

/** Control characters and lone surrogates have no form in XML 1.0: the replacement character stands for them. */
function escape(text: string): string {
  return text
    .toWellFormed()
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replace(/[&<>'"]/g, (character) => escapes.get(character) as string)
    .replace(/[\t\n\r]/g, (character) => `&#${character.charCodeAt(0)};`)
}

const ENTITY = /&(?:#(\d+)|#x([0-9a-fA-F]+)|(\w+));/g

function unescape(text: string): string {
  return text.replace(ENTITY, (whole, decimal?: string, hex?: string, name?: string) => {
    if (name !== undefined) return entities[name] ?? whole
    const code = decimal === undefined ? Number.parseInt(hex as string, 16) : Number(decimal)
    return code <= 0x10ffff ? String.fromCodePoint(code) : '\ufffd'
  })
}

const SKIPPED = /<!--[\s\S]*?-->|<\?[\s\S]*?\?>/.source
const TAG = /<(\/?)([\w:.-]+)((?:\s+[\w:.-]+\s*=\s*(?:"[^"]*"|'[^']*'))*)\s*(\/?)>/.source
const TEXT = /([^<]+)/.source
const ATTRIBUTE = /([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g

/**
 * Reads a document. Text between elements that is nothing but white space is dropped; document types and their
 * entities are refused.
 *
 * @throws {XmlError} when it is not well-formed.
 */
export function parseXml(document: string): XmlElement {
  const root = { name: '', attributes: {}, children: [] as (XmlElement | string)[] }
  const open = [root]
  const token = new RegExp(`${SKIPPED}|${TAG}|${TEXT}`, 'y')
  while (token.lastIndex < document.length) {
    const at = token.lastIndex
    const match = token.exec(document)
    if (!match) throw new XmlError(`not XML at offset ${at}`)
    const [, closing, name, attributes, empty, text] = match
    const parent = open.at(-1) as typeof root
    if (text !== undefined) {
      if (text.trim() !== '') parent.children.push(unescape(text))
    } else if (closing) {
      if (open.length === 1 || open.pop()?.name !== name) throw new XmlError(`</${name}> closes what is not open`)
    } else if (name !== undefined) {
      const child = { name, attributes: parseAttributes(attributes ?? ''), children: [] }
      parent.children.push(child)
      if (!empty && open.push(child) > MAX_DEPTH) throw new XmlError(`more than ${MAX_DEPTH} elements deep`)
    }
  }
  const [first, ...rest] = root.children
  if (open.length > 1 || rest.length > 0 || typeof first !== 'object') throw new XmlError('not one complete document')
  return first
}

function parseAttributes(text: string): Record<string, string> {
  const pairs = [...text.matchAll(ATTRIBUTE)].map(([, key, double, single]) => [key, unescape(double ?? single ?? '')])
  return Object.fromEntries(pairs) as Record<string, string>
}

/** The elements at `path` below `from`: `elements(capabilities, 'guest', 'arch', 'domain')`. */
export function elements(from: XmlElement, ...path: string[]): XmlElement[] {
  let found = [from]
  for (const name of path) {
    found = found.flatMap(({ children }) =>
      children.filter((child): child is XmlElement => typeof child === 'object' && child.name === name),
    )
  }
  return found
}

/** The text of the first element at `path`, or null where there is none. */
export function textAt(from: XmlElement, ...path: string[]): string | null {
  const [first] = elements(from, ...path)
  return first ? first.children.filter((child) => typeof child === 'string').join('') : null
}
