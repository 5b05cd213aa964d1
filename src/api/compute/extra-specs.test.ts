import { describe, expect, test } from 'bun:test'
import { Problem } from '../../kernel/index.ts'
import { checkExtraSpecs } from './extra-specs.ts'

describe('extra specs from 2.86 on', () => {
  test.each([
    ['hw:cpu_policy', 'dedicated'],
    ['hw:numa_nodes', '2'],
    ['hw:numa_cpus.0', '0-3,^2'],
    ['hw:mem_page_size', '2MB'],
    ['hw:cpu_realtime', 'yes'],
    ['hw_rng:allowed', 'true'],
    ['quota:disk_read_bytes_sec', '1024'],
    ['resources:VCPU', '0'],
    ['resources1:CUSTOM_FPGA', '1'],
    ['trait:HW_CPU_X86_AVX2', 'required'],
    ['my:own', 'anything'],
    ['ssd', 'true'],
    ['capabilities:cpu_info:features', '<in> avx2'],
    ['aggregate_instance_extra_specs:ssd', 'true'],
  ])('may be %s=%s', (key, value) => expect(() => checkExtraSpecs({ [key]: value })).not.toThrow())

  test.each([
    ['hw:cpu_policy', 'sharedd'],
    ['hw:cpu_polcy', 'shared'],
    ['hw:numa_nodes', '0'],
    ['hw:numa_nodes', 'two'],
    ['hw:cpu_realtime', 'maybe'],
    ['quota:disk_red_bytes_sec', '1'],
    ['resources:VCPU', '-1'],
    ['trait:HW_CPU_X86_AVX2', 'wanted'],
    ['os:secure_boot', 'perhaps'],
  ])('may not be %s=%s', (key, value) => {
    expect(() => checkExtraSpecs({ ok: '1', [key]: value })).toThrow(Problem)
    expect(() => checkExtraSpecs({ ok: '1', [key]: value })).toThrow(key)
  })
})
