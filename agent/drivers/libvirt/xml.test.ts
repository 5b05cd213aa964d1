import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { element, elements, parseXml, renderXml, textAt, XmlError } from './xml.ts'

/** What XML 1.0 makes of a text: control characters have no form in it. */
const xmlText = (raw: string): string =>
  [...raw].map((character) => (character < ' ' && !'\t\n\r'.includes(character) ? '\ufffd' : character)).join('')

const name = fc.stringMatching(/^[a-z][a-z0-9:-]{0,8}$/)

describe('XML', () => {
  test('what is rendered is read again, whatever a text is made of', () => {
    // Text of white space only is dropped between elements, so it does not come back.
    const content = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => text.trim() !== '')
    fc.assert(
      fc.property(name, name, content, fc.string(), (outer, inner, text, value) => {
        const written = element(outer, { value }, element(inner, {}, text), element('empty'))
        const read = parseXml(renderXml(written))
        expect(read).toEqual({
          name: outer,
          attributes: { value: xmlText(value) },
          children: [
            { name: inner, attributes: {}, children: [xmlText(text)] },
            { name: 'empty', attributes: {}, children: [] },
          ],
        })
      }),
    )
  })

  test('text never becomes markup', () => {
    const hostile = `</name><devices>'"&amp;\u0000\ud800`
    const xml = renderXml(element('name', { title: hostile }, hostile))
    expect(xml.match(/</g)?.length).toBe(2)
    expect(xml).toContain('&lt;/name&gt;&lt;devices&gt;&apos;&quot;&amp;amp;\ufffd\ufffd')
  })

  test('is indented where elements hold elements', () => {
    expect(renderXml(element('a', { b: 1, c: undefined }, element('d', {}, 'text'), false, element('e')))).toBe(
      "<a b='1'>\n  <d>text</d>\n  <e/>\n</a>\n",
    )
  })

  test('is read with comments, declarations and either kind of quote', () => {
    const root = parseXml(`<?xml version="1.0"?><!-- a - b --><a x="1" y='"2"'><b>&lt;&#65;&#x42;</b>  <b/></a>`)
    expect(root.attributes).toEqual({ x: '1', y: '"2"' })
    expect(elements(root, 'b').length).toBe(2)
    expect([textAt(root, 'b'), textAt(root, 'c')]).toEqual(['<AB', null])
  })

  test('is refused where it is not one complete document', () => {
    const deep = '<a>'.repeat(100) + '</a>'.repeat(100)
    const entity = '<!DOCTYPE a [<!ENTITY b "c">]><a/>'
    const bad = ['', 'text', '<a>', '<a></b>', '</a>', '<a/><b/>', '<a', '<a b=c/>', entity, deep]
    for (const document of bad) {
      expect(() => parseXml(document)).toThrow(XmlError)
    }
  })

  test('any text is a document or an XmlError', () => {
    const markup = fc.string({ unit: fc.constantFrom(..."<>/a ='&;!-?") })
    fc.assert(
      fc.property(markup, (text) => {
        try {
          parseXml(text)
        } catch (error) {
          expect(error).toBeInstanceOf(XmlError)
        }
      }),
    )
  })
})
