import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import {
  defaultPools,
  formatAddress,
  overlap,
  parseAddress,
  parseCidr,
  poolSize,
  randomAddress,
  randomMac,
} from './addresses.ts'

describe('addresses', () => {
  test('every IPv4 address reads back as it was written', () => {
    fc.assert(
      fc.property(fc.ipV4(), (text) => {
        const address = parseAddress(text)
        return address?.version === 4 && formatAddress(address) === text
      }),
    )
  })

  test('every IPv6 address is written in its canonical form, and that reads back', () => {
    const group = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }))
    fc.assert(
      fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
        const long = groups.map((each) => each.toString(16)).join(':')
        const address = parseAddress(long)
        const short = address && formatAddress(address)
        // The URL standard prescribes the same form.
        expect(`[${short}]`).toBe(new URL(`http://[${long}]/`).hostname)
        expect(parseAddress(short ?? '')).toEqual(address)
      }),
    )
    expect(parseAddress('::ffff:10.1.2.3')).toEqual({ version: 6, value: 0xffff_0a01_0203n })
  })

  test.each(['', '10.0.0', '10.0.0.256', '010.0.0.1', '1.2.3.4/32', 'fe80::1%eth0', '::g', ' 10.0.0.1', 'localhost'])(
    '%p is not an address',
    (text) => expect(parseAddress(text)).toBeUndefined(),
  )

  test.each(['10.0.0.0', '10.0.0.1/16', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/8/8', '2001:db8::1/64', '10.0.0.0/'])(
    '%p is not a network',
    (text) => expect(parseCidr(text)).toBeUndefined(),
  )

  test('networks overlap when one holds an address of the other', () => {
    const [wide, part, apart, six] = ['10.0.0.0/8', '10.3.0.0/16', '11.0.0.0/8', '2001:db8::/32'].map(parseCidr)
    expect(wide && part && overlap(wide, part) && overlap(part, wide)).toBe(true)
    expect(wide && apart && overlap(wide, apart)).toBe(false)
    expect(wide && six && overlap(wide, six)).toBe(false)
  })
})

describe('allocation pools', () => {
  const pools = (cidr: string, gateway?: string) => {
    const parsed = parseCidr(cidr)
    return parsed && defaultPools(parsed, gateway === undefined ? undefined : parseAddress(gateway))
  }

  test('hold what is usable, without the gateway', () => {
    expect(pools('10.99.0.0/24', '10.99.0.1')).toEqual([{ start: '10.99.0.2', end: '10.99.0.254' }])
    expect(pools('10.99.0.0/24', '10.99.0.254')).toEqual([{ start: '10.99.0.1', end: '10.99.0.253' }])
    expect(pools('10.99.0.0/29', '10.99.0.3')).toEqual([
      { start: '10.99.0.1', end: '10.99.0.2' },
      { start: '10.99.0.4', end: '10.99.0.6' },
    ])
    expect(pools('10.99.0.0/24')).toEqual([{ start: '10.99.0.1', end: '10.99.0.254' }])
    expect(pools('2001:db8::/126', '2001:db8::1')).toEqual([{ start: '2001:db8::2', end: '2001:db8::3' }])
  })

  test('give any of their addresses, and none beside them', () => {
    const pool = { start: '10.0.0.254', end: '10.0.1.1' }
    expect(poolSize(pool)).toBe(4n)
    const given = new Set(Array.from({ length: 400 }, () => randomAddress(pool)))
    expect([...given].toSorted()).toEqual(['10.0.0.254', '10.0.0.255', '10.0.1.0', '10.0.1.1'])
  })
})

test('MAC addresses have OpenStack’s prefix', () => {
  expect(randomMac()).toMatch(/^fa:16:3e(:[0-9a-f]{2}){3}$/)
})
