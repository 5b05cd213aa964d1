import { expect, test } from 'bun:test'
import { traitsOf } from './host-traits.ts'

test('a host has the traits of its processor and those that it reports, each once', () => {
  const features = ['avx2', 'sse4.2', 'unheard-of']
  expect(traitsOf({ cpu_info: { arch: 'x86_64', features }, traits: ['CUSTOM_FAST', 'HW_CPU_X86_AVX2'] })).toEqual([
    'COMPUTE_NODE',
    'CUSTOM_FAST',
    'HW_ARCH_X86_64',
    'HW_CPU_X86_AVX2',
    'HW_CPU_X86_SSE42',
  ])
})

test('what a host says of its processor in no known form tells nothing', () => {
  for (const cpu_info of [{}, { arch: 7, features: 'avx2' }, { arch: 'toString', features: ['constructor', null, {}] }]) {
    expect(traitsOf({ cpu_info })).toEqual(['COMPUTE_NODE'])
  }
})
