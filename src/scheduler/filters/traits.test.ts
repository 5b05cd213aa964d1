import { expect, test } from 'bun:test'
import { filtered, fleetOf, policyOf, requestFor } from '../../../test/support/fleet.ts'
import { plan } from '../plan.ts'
import { traitsFilter } from './traits.ts'

const fleet = fleetOf({ traits: ['HW_CPU_X86_AVX2', 'CUSTOM_FAST'] }, { traits: ['CUSTOM_FAST'] }, {})

test('a host has all traits that flavor and image require, and none that they forbid', () => {
  const request = (extra_specs: Record<string, string>, image_properties: Record<string, string> = {}) =>
    filtered(traitsFilter, fleet, requestFor({ extra_specs }, { image_properties })).passed
  expect(request({})).toEqual([1, 2, 3])
  expect(request({ 'trait:CUSTOM_FAST': 'required' })).toEqual([1, 2])
  expect(request({ 'trait:CUSTOM_FAST': 'required' }, { 'trait:HW_CPU_X86_AVX2': 'required' })).toEqual([1])
  expect(request({ 'trait:CUSTOM_FAST': 'required', 'trait:HW_CPU_X86_AVX2': 'forbidden' })).toEqual([2])
  expect(request({ 'trait:CUSTOM_FAST': 'forbidden' })).toEqual([3])
})

test('says which traits are wanted', () => {
  const { says } = filtered(traitsFilter, fleet, requestFor({ extra_specs: { 'trait:CUSTOM_SLOW': 'required' } }))
  expect(says).toBe('No valid host was found: 3 of 3 hosts lack a required trait: CUSTOM_SLOW.')
})

test('traits count although no filter is enabled, and not for a forced host', () => {
  const request = requestFor({ extra_specs: { 'trait:CUSTOM_FAST': 'forbidden' } }, { count: 3 })
  const ids = (forced: string | null) =>
    plan(policyOf(), fleet, { ...request, force_host: forced }).candidates.map(({ host }) => host.row.id)
  expect(ids(null)).toEqual([3])
  expect(ids('host-1')).toEqual([1])
})
