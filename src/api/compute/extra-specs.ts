import { badRequest } from '../../kernel/index.ts'

/**
 * Extra specs that Nova knows, and the values they take, checked since 2.86: a typing error in one of them would
 * silently do nothing. Keys of other namespaces are an operator's own and pass, as do those of hypervisors that are
 * not driven here (`vmware:`, `powervm:`), and `capabilities:` and `aggregate_instance_extra_specs:`, which compare
 * with anything.
 */
const BOOLEAN = /^(1|t|true|on|y|yes|0|f|false|off|n|no)$/i
const COUNT = /^\d{1,10}$/
const POSITIVE = /^0*[1-9]\d{0,9}$/
const INTEGER = /^-?\d{1,10}$/
const CPU_SET = /^\^?\d+(-\d+)?(,\^?\d+(-\d+)?)*$/
const ANY = /^[^]*$/

const SPECS: readonly (readonly [key: string | RegExp, value: RegExp])[] = [
  ['accel:device_profile', ANY],
  ['hw:boot_menu', BOOLEAN],
  ['hw:cpu_cores', POSITIVE],
  ['hw:cpu_dedicated_mask', CPU_SET],
  ['hw:cpu_max_cores', POSITIVE],
  ['hw:cpu_max_sockets', POSITIVE],
  ['hw:cpu_max_threads', POSITIVE],
  ['hw:cpu_policy', /^(dedicated|shared|mixed)$/],
  ['hw:cpu_realtime', BOOLEAN],
  ['hw:cpu_realtime_mask', CPU_SET],
  ['hw:cpu_sockets', POSITIVE],
  ['hw:cpu_thread_policy', /^(prefer|isolate|require)$/],
  ['hw:cpu_threads', POSITIVE],
  ['hw:emulator_threads_policy', /^(isolate|share)$/],
  ['hw:ephemeral_encryption', BOOLEAN],
  ['hw:ephemeral_encryption_format', /^(luks|luksv2|plain)$/],
  ['hw:hide_hypervisor_id', BOOLEAN],
  ['hw:locked_memory', BOOLEAN],
  ['hw:maxphysaddr_bits', COUNT],
  ['hw:maxphysaddr_mode', /^(passthrough|emulate)$/],
  ['hw:mem_encryption', BOOLEAN],
  ['hw:mem_page_size', /^(large|small|any|\d+([kKMGT]i?)?(b|bit|B)?)$/],
  [/^hw:numa_cpus\.\d+$/, CPU_SET],
  [/^hw:numa_mem\.\d+$/, POSITIVE],
  ['hw:numa_nodes', POSITIVE],
  ['hw:pci_numa_affinity_policy', /^(required|preferred|legacy|socket)$/],
  ['hw:pmem', /^[a-zA-Z0-9_,\- ]+$/],
  ['hw:serial_port_count', COUNT],
  ['hw:tpm_model', /^(tpm-tis|tpm-crb)$/],
  ['hw:tpm_version', /^(1\.2|2\.0)$/],
  ['hw:vif_multiqueue_enabled', BOOLEAN],
  ['hw:viommu_model', /^(intel|smmuv3|virtio|auto)$/],
  ['hw:virtio_packed_ring', BOOLEAN],
  ['hw:watchdog_action', /^(none|pause|poweroff|reset|disabled)$/],
  ['hw_rng:allowed', BOOLEAN],
  ['hw_rng:rate_bytes', COUNT],
  ['hw_rng:rate_period', COUNT],
  ['hw_video:ram_max_mb', COUNT],
  ['os:monitors', POSITIVE],
  ['os:resolution', /^\d+x\d+$/],
  ['os:secure_boot', /^(disabled|optional|required)$/],
  ['os:vram', /^(64|128|256|512|1024)$/],
  ['pci_passthrough:alias', /^[^:]+:\d+(,[^:]+:\d+)*$/],
  ['quota:cpu_quota', INTEGER],
  [/^quota:(cpu|memory|disk_io|vif)_(limit|reservation|shares_share)$/, INTEGER],
  [/^quota:(cpu|memory|disk_io|vif)_shares_level$/, /^(custom|high|normal|low)$/],
  [/^quota:cpu_(shares|period)$/, COUNT],
  [/^quota:disk_(read|write|total)_(bytes|iops)_sec(_max)?$/, COUNT],
  [/^quota:vif_(inbound|outbound)_(average|peak|burst)$/, COUNT],
  [/^resources[a-zA-Z0-9_-]{0,64}:[A-Z0-9_]+$/, COUNT],
  [/^trait[a-zA-Z0-9_-]{0,64}:[A-Z0-9_]+$/, /^(required|forbidden)$/],
  ['hide_hypervisor_id', BOOLEAN],
  ['group_policy', /^(none|isolate)$/],
]

/** Namespaces in which a key that is not in the table is an error. */
const CLOSED_NAMESPACES =
  /^(accel|hw|hw_rng|hw_video|os|pci_passthrough|quota|resources[a-zA-Z0-9_-]{0,64}|trait[a-zA-Z0-9_-]{0,64}):/

/** @throws {Problem} bad_request naming the first spec that Nova would not take. */
export function checkExtraSpecs(specs: Readonly<Record<string, string>>): void {
  for (const [key, value] of Object.entries(specs)) {
    const known = SPECS.find(([name]) => (typeof name === 'string' ? name === key : name.test(key)))
    if (known && !known[1].test(value)) {
      throw badRequest(`Validation failed; invalid value '${value.slice(0, 64)}' for extra spec '${key}'.`)
    }
    if (!known && CLOSED_NAMESPACES.test(key)) {
      throw badRequest(`Validation failed; extra spec '${key}' does not appear to be a valid extra spec.`)
    }
  }
}
