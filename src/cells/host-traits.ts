import type { Inventory } from '../contracts/index.ts'

/** A CPU's features that have a trait, by libvirt's word for them. */
const CPU_FEATURES: Readonly<Record<string, string>> = {
  '3dnow': 'HW_CPU_X86_3DNOW',
  abm: 'HW_CPU_X86_ABM',
  aes: 'HW_CPU_X86_AESNI',
  avx: 'HW_CPU_X86_AVX',
  avx2: 'HW_CPU_X86_AVX2',
  avx512bw: 'HW_CPU_X86_AVX512BW',
  avx512cd: 'HW_CPU_X86_AVX512CD',
  avx512dq: 'HW_CPU_X86_AVX512DQ',
  avx512f: 'HW_CPU_X86_AVX512F',
  avx512vl: 'HW_CPU_X86_AVX512VL',
  bmi1: 'HW_CPU_X86_BMI',
  bmi2: 'HW_CPU_X86_BMI2',
  clflushopt: 'HW_CPU_X86_CLFLUSHOPT',
  f16c: 'HW_CPU_X86_F16C',
  fma: 'HW_CPU_X86_FMA3',
  fma4: 'HW_CPU_X86_FMA4',
  hle: 'HW_CPU_X86_INTEL_HLE',
  mmx: 'HW_CPU_X86_MMX',
  mpx: 'HW_CPU_X86_MPX',
  pcid: 'HW_CPU_X86_PCID',
  'sha-ni': 'HW_CPU_X86_SHA',
  sse: 'HW_CPU_X86_SSE',
  sse2: 'HW_CPU_X86_SSE2',
  sse3: 'HW_CPU_X86_SSE3',
  'sse4.1': 'HW_CPU_X86_SSE41',
  'sse4.2': 'HW_CPU_X86_SSE42',
  sse4a: 'HW_CPU_X86_SSE4A',
  ssse3: 'HW_CPU_X86_SSSE3',
  svm: 'HW_CPU_X86_SVM',
  tbm: 'HW_CPU_X86_TBM',
  vmx: 'HW_CPU_X86_VMX',
  xop: 'HW_CPU_X86_XOP',
}
const ARCHITECTURES: Readonly<Record<string, string>> = {
  aarch64: 'HW_ARCH_AARCH64',
  armv7l: 'HW_ARCH_ARMV7',
  i686: 'HW_ARCH_I686',
  ppc64le: 'HW_ARCH_PPC64LE',
  s390x: 'HW_ARCH_S390X',
  x86_64: 'HW_ARCH_X86_64',
}
const NODE = 'COMPUTE_NODE'

/** Every trait that follows from a host's inventory. */
export const INVENTORY_TRAITS: readonly string[] = [NODE, ...Object.values(ARCHITECTURES), ...Object.values(CPU_FEATURES)]

/**
 * What a host can do: what it says of itself, and what follows from its processor, by the names of os-traits. What
 * `cpu_info` has in another form than libvirt's tells nothing.
 */
export function traitsOf({ cpu_info: { arch, features }, traits = [] }: Pick<Inventory, 'cpu_info' | 'traits'>): string[] {
  const named = (table: Readonly<Record<string, string>>, name: unknown): string[] =>
    typeof name === 'string' && Object.hasOwn(table, name) ? [table[name] as string] : []
  const follow = [
    ...named(ARCHITECTURES, arch),
    ...(Array.isArray(features) ? features.flatMap((feature) => named(CPU_FEATURES, feature)) : []),
  ]
  return [...new Set([NODE, ...follow, ...traits])].toSorted()
}
