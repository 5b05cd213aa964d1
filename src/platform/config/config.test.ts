import { afterAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { ConfigError, loadConfig, type LoadOptions, renderOptionHelp, renderSampleConfig } from './index.ts'
import { parseIni } from './ini.ts'

const directory = mkdtempSync(join(tmpdir(), 'config-'))
afterAll(() => rmSync(directory, { recursive: true }))

let count = 0
function file(text: string): string {
  const path = join(directory, `${count++}.conf`)
  writeFileSync(path, text)
  return path
}
const load = (text: string, more: LoadOptions = {}) => loadConfig({ files: [file(text)], env: {}, ...more })
const config = (text: string, more: LoadOptions = {}) => load(text, more).config

describe('files', () => {
  test('nothing set gives defaults, typed', () => {
    const { config: defaults, warnings } = load('')
    expect(warnings).toEqual([])
    expect(defaults.DEFAULT.instances_path).toBe('/var/lib/nova/instances')
    expect(defaults.DEFAULT.initial_cpu_allocation_ratio).toBe(4)
    expect(defaults.DEFAULT.cpu_allocation_ratio).toBeUndefined()
    expect(defaults.database.connection).toBeUndefined()
    expect(defaults.filter_scheduler.enabled_filters).toContain('RamFilter')
    expect(defaults.libvirt.virt_type satisfies 'kvm' | 'qemu' | 'auto').toBe('auto')
  })

  test('sections, comments, both separators, quotes and continuation lines', () => {
    const read = config(
      [
        'my_ip: 192.0.2.1',
        '# debug = true',
        '[libvirt]',
        'connection_uri = "qemu:///system?socket=/run/x"',
        '[filter_scheduler]',
        'enabled_filters = ComputeFilter,',
        '   RamFilter ,',
        '\tDiskFilter',
        '',
        '[DEFAULT]',
        'transport_url=redis://:a=b:c@h/0\r',
        ';debug = true',
      ].join('\n'),
    )
    expect(read.DEFAULT.my_ip).toBe('192.0.2.1')
    expect(read.DEFAULT.debug).toBe(false)
    expect(read.libvirt.connection_uri).toBe('qemu:///system?socket=/run/x')
    expect(read.filter_scheduler.enabled_filters).toEqual(['ComputeFilter', 'RamFilter', 'DiskFilter'])
    expect(read.DEFAULT.transport_url).toBe('redis://:a=b:c@h/0')
  })

  test('later lines, later files and directories win', () => {
    const confDir = mkdtempSync(join(directory, 'd-'))
    writeFileSync(join(confDir, 'b.conf'), '[quota]\nram = 6\n')
    writeFileSync(join(confDir, 'a.conf'), '[quota]\nram = 5\n')
    writeFileSync(join(confDir, 'ignored.conf.bak'), '[quota]\nram = 7\n')
    const files = [file('[quota]\ncores=1\ncores=2\ninstances=1\nram=1'), file('[quota]\ninstances=3')]
    const read = loadConfig({ files, dirs: [confDir], env: {} }).config
    expect([read.quota.cores, read.quota.instances, read.quota.ram]).toEqual([2, 3, 6])
  })

  test('a former name counts, the present one wins', () => {
    expect(config('libvirt_type = qemu\nquota_cores = 7').libvirt.virt_type).toBe('qemu')
    expect(config('[quota]\ncores = 8\n[DEFAULT]\nquota_cores = 7').quota.cores).toBe(8)
    expect(load('sql_connection = postgresql://u@h/d').warnings).toEqual([])
  })

  test('a file that was named and is missing is an error', () => {
    expect(() => loadConfig({ files: [join(directory, 'absent.conf')], env: {} })).toThrow('absent.conf')
  })
})

describe('precedence', () => {
  test('environment over files, command line over both', () => {
    const pool = { OS_API_DATABASE__MAX_POOL_SIZE: '3', OS_AUTH_URL: 'of no concern' }
    const env = { OS_DEFAULT__DEBUG: 'yes', OS_QUOTA__CORES: '9', ...pool }
    const read = config('debug = false\n[quota]\ncores = 1', { env, overrides: { quota: { cores: 10 } } })
    expect([read.DEFAULT.debug, read.quota.cores, read.api_database.max_pool_size]).toEqual([true, 10, 3])
  })

  test('a wrong value in the environment names the variable', () => {
    expect(() => config('', { env: { OS_QUOTA__CORES: 'many' } })).toThrow(
      "environment variable OS_QUOTA__CORES: [quota] cores: 'many' is not of type integer ≥ -1",
    )
  })
})

describe('substitution', () => {
  test('reaches the own section, [DEFAULT], a named section, defaults and overrides', () => {
    const text = 'state_path = /srv\nlog_dir = $state_path/log\nlog_file = ${quota.cores}-$$-\\$x'
    expect(config(text).DEFAULT).toMatchObject({
      instances_path: '/srv/instances',
      log_dir: '/srv/log',
      log_file: '20-$-$x',
    })
    expect(config(text, { overrides: { DEFAULT: { state_path: '/o' } } }).DEFAULT.instances_path).toBe('/o/instances')
  })

  test('a name of no option stays as it is, with a warning', () => {
    const { config: read, warnings } = load('[database]\nconnection = postgresql://u:pa$word@h/d')
    expect(read.database.connection).toBe('postgresql://u:pa$word@h/d')
    expect(warnings[0]).toContain(":2: '$word' names no option")
    expect(warnings[0]).not.toContain('postgresql')
  })

  test('a circle is an error', () => {
    expect(() => config('log_dir = $log_file\nlog_file = $log_dir')).toThrow('refers to itself')
  })
})

describe('mistakes', () => {
  const cases: [string, string][] = [
    ['\n[quota]\ncores = x', ":3: [quota] cores: 'x' is not of type integer ≥ -1"],
    ['[quota]\ncores = 1.5', "'1.5' is not of type integer"],
    ['[quota]\ncores = -2', "'-2' is not of type integer"],
    ['debug = perhaps', ":1: [DEFAULT] debug: 'perhaps' is not a boolean"],
    ['osapi_compute_listen_port = 65536', 'is not of type integer ≥ 0, ≤ 65535'],
    ['ram_allocation_ratio = 1,5', 'is not of type number'],
    ['[libvirt]\nvirt_type = xen', "'xen' is not one of kvm, qemu, auto"],
    ['just words', ":1: 'just words' is neither a section nor key = value"],
    [' early = 1', ':1: a line that begins with a blank continues nothing'],
    ['[open', ':1: a section reads [name]'],
    ['= 1', ":1: there is no key before '='"],
  ]
  test.each(cases)('%j is refused with its line', (text, message) => {
    expect(() => config(text)).toThrow(ConfigError)
    expect(() => config(text)).toThrow(message)
  })

  test('unknown options and sections are warnings with a guess', () => {
    const { warnings } = load(
      'debg = 1\n[filter_scheduler]\nenabled_filter = x\n[neutron]\nurl = x\nuser = y\n[quotas]\na=1',
    )
    expect(warnings.map((line) => line.replace(/^.*\.conf/, ''))).toEqual([
      ":1: unknown option 'debg' in [DEFAULT] is ignored; did you mean 'debug'?",
      ":3: unknown option 'enabled_filter' in [filter_scheduler] is ignored; did you mean 'enabled_filters'?",
      ':5: unknown section [neutron] is ignored',
      ":8: unknown section [quotas] is ignored; did you mean 'quota'?",
    ])
  })

  test('no text does anything but be read or refused', () => {
    const line = fc.oneof(fc.string(), fc.constantFrom('[a]', '[', 'a=', '=', ' x', '#', 'debug=$debug', '[__proto__]'))
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        try {
          parseIni(lines.join('\n'), 'f')
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError)
        }
      }),
    )
    expect(load('[__proto__]\na = 1\n[constructor]\nb = 1').warnings).toHaveLength(2)
  })
})

describe('rendered', () => {
  test('the sample, taken as it is or with every comment sign removed, changes nothing', () => {
    const sample = renderSampleConfig()
    expect(load(sample)).toEqual(load(''))
    // All but defaults in words, which stand in angle brackets.
    const everything = sample.replace(/^#(\w+ = (?!<(?!None>)).*)$/gm, '$1')
    expect(load(everything)).toEqual(load(''))
  })

  test('help shows values in force and no password', () => {
    const help = renderOptionHelp(
      config('transport_url = redis://:secret@h/0\n[trusted_computing]\nattestation_auth_blob = secret'),
    )
    expect(help).toContain('transport_url = redis://:***@h/0')
    expect(help).toContain('attestation_auth_blob = ***')
    expect(help).not.toContain('secret@')
    expect(help).not.toContain('= secret')
    expect(help).toContain('virt_type = auto')
    expect(renderOptionHelp()).toContain('instances_path = $state_path/instances')
  })
})
