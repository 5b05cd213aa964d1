import { homedir, hostname, networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { boolean, choice, decimal, integer, list, port, text } from './option.ts'

/** The address that other machines would reach this one at, as far as can be told without asking them. */
function ownAddress(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
  return addresses.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '127.0.0.1'
}

function ownStatePath(): string {
  if (process.getuid?.() === 0) return '/var/lib/nova'
  return join(process.env.XDG_STATE_HOME || join(homedir(), '.local/state'), 'bunova')
}

const quota = (fallback: number, what: string, ...aliases: string[]) =>
  integer({ default: fallback, min: -1, help: `${what} per project; -1 is unlimited.`, aliases })

const multiplier = (weigher: string, fallback: number) =>
  decimal({
    default: fallback,
    help: `Weight of ${weigher}; negative turns its preference round.`,
    aliases: [weigher],
  })

/** Every option there is, under Nova's names and sections; `[identity]` and `[bunova]` are our own. */
export const options = {
  DEFAULT: {
    my_ip: text({ default: ownAddress(), shown: '<address of this host>', help: 'Management address of this host.' }),
    host: text({ default: hostname(), shown: '<host name>', help: 'Name under which this host reports itself.' }),
    state_path: text({
      default: ownStatePath(),
      shown: '</var/lib/nova as root, $XDG_STATE_HOME/bunova else>',
      help: 'Directory of everything that must outlive a restart.',
    }),
    log_dir: text({ help: 'Directory of one log file per role; standard error when unset.', aliases: ['logdir'] }),
    log_file: text({ help: 'One log file for all roles; relative to log_dir.', aliases: ['logfile'] }),
    debug: boolean({ default: false, help: 'Log at level DEBUG instead of INFO.' }),
    instances_path: text({ default: '$state_path/instances', help: 'Directory of disks of the servers on a host.' }),
    networks_path: text({
      default: '$state_path/networks',
      help: 'Directory of what a host keeps of its network: DHCP leases and names.',
    }),
    public_interface: text({
      help: 'Interface by which guests of this host reach the outside, and are reached at floating IPs; unset: never.',
    }),
    dhcp_lease_time: integer({ default: 86_400, min: 120, help: 'Seconds that a guest keeps an address unasked.' }),
    instance_name_template: text({
      default: 'instance-%08x',
      help: 'Name of a server at its hypervisor; %x, %d and %(uuid)s are filled in.',
    }),
    compute_driver: text({
      default: 'auto',
      help: 'libvirt.LibvirtDriver, fake.FakeDriver, or auto: libvirt where it works, simulated hosts else.',
    }),
    osapi_compute_listen: text({ default: '127.0.0.1', help: 'Address at which the APIs are served.' }),
    osapi_compute_listen_port: port({ default: 8774, help: 'Port at which the APIs are served; 0 takes a free one.' }),
    default_availability_zone: text({ default: 'nova', help: 'Zone of compute hosts in no aggregate with a zone.' }),
    default_schedule_zone: text({ help: 'Zone of servers that ask for none; any zone when unset.' }),
    internal_service_availability_zone: text({ default: 'internal', help: 'Zone of services other than compute.' }),
    report_interval: integer({ default: 10, min: 1, help: 'Seconds between two signs of life of a host.' }),
    service_down_time: integer({
      default: 60,
      min: 1,
      help: 'Seconds without sign of life after which a host is down.',
    }),
    cpu_allocation_ratio: decimal({
      min: 0,
      help: 'Virtual CPUs per CPU of this host; unset takes the initial ratio.',
    }),
    ram_allocation_ratio: decimal({ min: 0, help: 'Memory given out per memory of this host.' }),
    disk_allocation_ratio: decimal({ min: 0, help: 'Disk given out per disk of this host.' }),
    initial_cpu_allocation_ratio: decimal({ default: 4, min: 0, help: 'Ratio of a host that sets none.' }),
    initial_ram_allocation_ratio: decimal({ default: 1, min: 0, help: 'Ratio of a host that sets none.' }),
    initial_disk_allocation_ratio: decimal({ default: 1, min: 0, help: 'Ratio of a host that sets none.' }),
    reserved_host_memory_mb: integer({ default: 512, min: 0, help: 'Memory of a host kept from servers, MiB.' }),
    reserved_host_disk_mb: integer({ default: 0, min: 0, help: 'Disk of a host kept from servers, MiB.' }),
    reserved_host_cpus: integer({ default: 0, min: 0, help: 'CPUs of a host kept from servers.' }),
    sync_power_state_interval: integer({
      default: 600,
      min: -1,
      help: 'Seconds between two full comparisons of power states; 0 is 60, less relies on events alone.',
    }),
    running_deleted_instance_action: choice(['noop', 'log', 'shutdown', 'reap'], {
      default: 'reap',
      help: 'What is done with a running guest whose server is deleted.',
    }),
    allow_resize_to_same_host: boolean({
      default: false,
      help: 'A resize may keep a server on its host; a cloud of one host needs it.',
    }),
    resize_confirm_window: integer({
      default: 0,
      min: 0,
      help: 'Seconds after which a resize is confirmed by itself; 0 waits for somebody to do it.',
    }),
    shelved_offload_time: integer({
      default: 0,
      min: -1,
      help: 'Seconds after which a shelved server leaves its host; 0 at once, -1 never.',
    }),
    reclaim_instance_interval: integer({
      default: 0,
      min: 0,
      help: 'Seconds for which a deleted server can be restored; 0 deletes at once.',
    }),
    resume_guests_state_on_host_boot: boolean({
      default: false,
      help: 'Start guests that ran before the host went down.',
    }),
    force_raw_images: boolean({ default: true, help: 'Unpack qcow2 images into raw ones when they are cached.' }),
    use_cow_images: boolean({ default: true, help: 'Disks stand on the cached image instead of being copies of it.' }),
    default_ephemeral_format: choice(['ext4', 'ext3', 'vfat', 'none'], {
      default: 'ext4',
      help: 'File system of ephemeral disks.',
    }),
    force_config_drive: boolean({ default: false, help: 'Give every new server a config drive.' }),
    config_drive_format: choice(['iso9660', 'vfat'], {
      default: 'iso9660',
      help: 'iso9660 is a CD, vfat a disk of 64 MiB.',
    }),
    mkisofs_cmd: text({ default: 'genisoimage', help: 'Program that makes config drives: genisoimage, mkisofs or xorriso.' }),
    max_concurrent_builds: integer({ default: 10, min: 0, help: 'Builds at once on a host; 0 is unlimited.' }),
    shutdown_timeout: integer({ default: 60, min: 0, help: 'Seconds a guest gets to shut itself down.' }),
    transport_url: text({ help: 'redis://… or rediss://… of the bus; unset for one process that does everything.' }),
    rpc_response_timeout: integer({
      default: 60,
      min: 1,
      help: 'Seconds that roles of several processes wait for an answer of another.',
    }),
  },
  api: {
    enable_instance_password: boolean({ default: true, help: 'Answer a create request with an admin password.' }),
    max_limit: integer({ default: 1000, min: 1, help: 'Most items in one answer.', aliases: ['osapi_max_limit'] }),
    dhcp_domain: text({ default: 'novalocal', help: "Domain of guests' host names.", aliases: ['dhcp_domain'] }),
    vendordata_jsonfile_path: text({
      help: 'JSON file that all guests are shown as vendor data.',
      aliases: ['vendordata_jsonfile_path'],
    }),
    compute_link_prefix: text({
      help: 'Replaces scheme, host and path prefix of compute links, for use behind a proxy.',
      aliases: ['osapi_compute_link_prefix'],
    }),
  },
  database: {
    connection: text({
      help: 'postgresql://… of the cell database; unset starts the PostgreSQL that comes with Bunova.',
      aliases: ['sql_connection'],
    }),
    max_pool_size: integer({ default: 5, min: 1, help: 'Connections to the cell database.' }),
  },
  api_database: {
    connection: text({ help: 'postgresql://… of the global database; unset takes [database] connection.' }),
    max_pool_size: integer({ default: 5, min: 1, help: 'Connections to the global database.' }),
  },
  quota: {
    instances: quota(10, 'Servers', 'quota_instances'),
    cores: quota(20, 'Virtual CPUs', 'quota_cores'),
    ram: quota(51_200, 'Memory in MiB', 'quota_ram'),
    metadata_items: integer({
      default: 128,
      min: -1,
      help: 'Metadata items per server.',
      aliases: ['quota_metadata_items'],
    }),
    key_pairs: integer({ default: 100, min: -1, help: 'Keypairs per user.', aliases: ['quota_key_pairs'] }),
    server_groups: quota(10, 'Server groups', 'quota_server_groups'),
    server_group_members: integer({
      default: 10,
      min: -1,
      help: 'Servers per server group.',
      aliases: ['quota_server_group_members'],
    }),
  },
  scheduler: {
    max_attempts: integer({
      default: 3,
      min: 1,
      help: 'Hosts tried for one server.',
      aliases: ['scheduler_max_attempts'],
    }),
  },
  filter_scheduler: {
    enabled_filters: list({
      default: [
        'AvailabilityZoneFilter',
        'ComputeFilter',
        'ComputeCapabilitiesFilter',
        'ImagePropertiesFilter',
        'CoreFilter',
        'RamFilter',
        'DiskFilter',
        'DifferentHostFilter',
        'SameHostFilter',
        'SimpleCIDRAffinityFilter',
        'ServerGroupAntiAffinityFilter',
        'ServerGroupAffinityFilter',
      ],
      help: 'Filters a host must pass.',
      aliases: ['scheduler_default_filters', 'scheduler_enabled_filters'],
    }),
    max_io_ops_per_host: integer({
      default: 8,
      min: 1,
      help: 'IoOpsFilter: servers that are built, rebuilt, resized or copied on a host at once.',
      aliases: ['max_io_ops_per_host'],
    }),
    max_instances_per_host: integer({
      default: 50,
      min: 1,
      help: 'NumInstancesFilter: servers on a host.',
      aliases: ['max_instances_per_host'],
    }),
    isolated_images: list({
      default: [],
      help: 'IsolatedHostsFilter: ids of images whose servers go to isolated_hosts only.',
      aliases: ['isolated_images'],
    }),
    isolated_hosts: list({
      default: [],
      help: 'IsolatedHostsFilter: hosts of isolated_images.',
      aliases: ['isolated_hosts'],
    }),
    restrict_isolated_hosts_to_isolated_images: boolean({
      default: true,
      help: 'IsolatedHostsFilter: keep servers of other images off isolated_hosts.',
      aliases: ['restrict_isolated_hosts_to_isolated_images'],
    }),
    image_properties_default_architecture: text({
      help: 'ImagePropertiesFilter: architecture of images that name none; any when unset.',
    }),
    aggregate_image_properties_isolation_namespace: text({
      help: 'AggregateImagePropertiesIsolation: only image properties that begin with this count.',
      aliases: ['aggregate_image_properties_isolation_namespace'],
    }),
    aggregate_image_properties_isolation_separator: text({
      default: '.',
      help: 'What separates that namespace from the name of the property.',
      aliases: ['aggregate_image_properties_isolation_separator'],
    }),
    host_subset_size: integer({
      default: 1,
      min: 1,
      help: 'One of this many best hosts is taken at random.',
      aliases: ['scheduler_host_subset_size'],
    }),
    shuffle_best_same_weighed_hosts: boolean({ default: false, help: 'Take one of equally good hosts at random.' }),
    ram_weight_multiplier: multiplier('ram_weight_multiplier', 1),
    cpu_weight_multiplier: multiplier('cpu_weight_multiplier', 1),
    disk_weight_multiplier: multiplier('disk_weight_multiplier', 1),
    io_ops_weight_multiplier: multiplier('io_ops_weight_multiplier', -1),
    num_instances_weight_multiplier: multiplier('num_instances_weight_multiplier', 0),
    hypervisor_version_weight_multiplier: multiplier('hypervisor_version_weight_multiplier', 1),
    build_failure_weight_multiplier: decimal({
      default: 1_000_000,
      help: 'Weight against hosts on which builds failed since the last one that did not.',
    }),
    soft_affinity_weight_multiplier: multiplier('soft_affinity_weight_multiplier', 1),
    soft_anti_affinity_weight_multiplier: multiplier('soft_anti_affinity_weight_multiplier', 1),
    image_props_weight_multiplier: decimal({
      default: 0,
      help: 'ImagePropertiesWeigher: weight of hosts whose servers come from images like the one asked for.',
    }),
    image_props_weight_setting: list({
      default: [],
      help: 'ImagePropertiesWeigher: properties that count and their ratios, name1=1.0; unset, all count alike.',
    }),
  },
  metrics: {
    weight_multiplier: decimal({ default: 1, help: 'MetricsWeigher: weight of all metrics together.' }),
    weight_setting: list({
      default: [],
      help: 'MetricsWeigher, MetricsFilter: metrics that hosts report and their ratios, name1=1.0, name2=-1.3.',
    }),
    required: boolean({ default: true, help: 'Pass over hosts that lack one of these metrics.' }),
    weight_of_unavailable: decimal({ default: -10_000, help: 'What such a host weighs where they are not required.' }),
  },
  trusted_computing: {
    attestation_server: text({
      help: 'TrustedFilter: the service that attests hosts, a name or address asked over TLS; http://… is asked without.',
    }),
    attestation_server_ca_file: text({ help: 'Certificates of authorities to trust beside those of this machine, PEM.' }),
    attestation_port: integer({ default: 8443, min: 1, max: 65_535, help: 'Its port.' }),
    attestation_api_url: text({
      default: '/OpenAttestationWebServices/V1.0',
      help: 'Path before /PollHosts.',
    }),
    attestation_auth_blob: text({ secret: true, help: 'Sent as X-Auth-Blob.' }),
    attestation_auth_timeout: integer({
      default: 60,
      min: 1,
      help: 'Seconds for which an attestation counts; a host without one is unknown, and not trusted.',
    }),
    attestation_insecure_ssl: boolean({ default: false, help: 'Take any certificate of the service: for trials only.' }),
  },
  conductor: {
    workers: integer({ default: 64, min: 1, help: 'Tasks of one database that a conductor works on at once.' }),
  },
  libvirt: {
    virt_type: choice(['kvm', 'qemu', 'auto'], {
      default: 'auto',
      help: 'Hypervisor; auto is kvm where a guest starts under it, qemu else.',
      aliases: ['libvirt_type'],
    }),
    connection_uri: text({
      help: 'qemu:///system?socket=… where libvirt is not at its usual place.',
      aliases: ['libvirt_uri'],
    }),
    cpu_mode: choice(['host-model', 'host-passthrough', 'none'], {
      help: 'CPU of the guests; unset is host-model.',
      aliases: ['libvirt_cpu_mode'],
    }),
    images_type: choice(['default', 'raw', 'qcow2'], {
      default: 'default',
      help: "Format of guests' disks; default is what use_cow_images says.",
      aliases: ['libvirt_images_type'],
    }),
    device_detach_attempts: integer({
      default: 8,
      min: 1,
      help: 'Times that a running guest is asked to let go of a device.',
    }),
    device_detach_timeout: integer({ default: 20, min: 1, help: 'Seconds that a guest gets for it each time.' }),
    wait_soft_reboot_seconds: integer({
      default: 120,
      min: 0,
      help: 'Seconds a guest gets for a soft reboot before it is rebooted by force.',
      aliases: ['libvirt_wait_soft_reboot_seconds'],
    }),
  },
  image_cache: {
    manager_interval: integer({
      default: 2400,
      min: -1,
      help: 'Seconds between two looks for unused images in the cache; 0 is 60, less never looks.',
      aliases: ['image_cache_manager_interval'],
    }),
    remove_unused_base_images: boolean({
      default: true,
      help: 'Remove cached images that no guest uses.',
      aliases: ['remove_unused_base_images'],
    }),
    remove_unused_original_minimum_age_seconds: integer({
      default: 86_400,
      min: 0,
      help: 'Seconds that an unused image is kept in the cache.',
      aliases: ['remove_unused_original_minimum_age_seconds'],
    }),
  },
  vnc: {
    enabled: boolean({ default: true, help: 'Guests have a VNC display.', aliases: ['vnc_enabled'] }),
    server_listen: text({ default: '127.0.0.1', help: 'Address of the displays.', aliases: ['vncserver_listen'] }),
    novncproxy_base_url: text({
      help: 'Page that shows displays, for use behind a proxy; unset is the one of the API that was asked.',
      aliases: ['novncproxy_base_url'],
    }),
  },
  serial_console: {
    base_url: text({ help: 'ws://… address of serial lines; unset is the API that was asked.' }),
  },
  console: {
    allowed_origins: list({
      default: [],
      help: 'Hosts (name[:port]) of other web pages that may open consoles.',
      aliases: ['console_allowed_origins'],
    }),
  },
  consoleauth: {
    token_ttl: integer({
      default: 600,
      min: 1,
      help: 'Seconds in which a console has to be opened after it was asked for.',
      aliases: ['console_token_ttl'],
    }),
  },
  glance: {
    endpoint_override: text({ help: 'Image service under which hosts find images; unset is the built-in one.' }),
  },
  oslo_policy: {
    policy_file: text({
      default: '/etc/nova/policy.yaml',
      help: 'Rules that differ from the defaults.',
      aliases: ['policy_file'],
    }),
    policy_dirs: list({ default: [], help: 'Directories of further policy files.', aliases: ['policy_dirs'] }),
    enforce_scope: boolean({ default: true, help: 'Refuse tokens of a scope that the rule does not name.' }),
    enforce_new_defaults: boolean({ default: true, help: 'False also allows what old defaults allowed.' }),
  },
  oslo_middleware: {
    max_request_body_size: integer({
      default: 114_688,
      min: 1024,
      help: 'Most bytes of a JSON body.',
      aliases: ['osapi_max_request_body_size'],
    }),
    enable_proxy_headers_parsing: boolean({
      default: false,
      help: 'Believe X-Forwarded-*: only behind a proxy that sets them.',
    }),
  },
  identity: {
    password_hash_rounds: integer({
      default: 12,
      min: 4,
      max: 31,
      help: 'Cost of a password hash, as a power of two.',
    }),
    token_expiration_s: integer({ default: 3600, min: 60, help: 'Lifetime of a token, seconds.' }),
    region: text({ default: 'RegionOne', help: 'Region of the catalog.' }),
  },
  bunova: {
    fake_hosts: integer({ default: 1, min: 1, max: 100_000, help: 'Simulated hosts that the fake driver runs.' }),
    fake_traits: list({ default: [], help: 'Traits of the simulated hosts, CUSTOM_ ones or those of os-traits.' }),
    external_network_cidr: text({
      default: '203.0.113.0/24',
      help: 'Addresses of the external network "public" that the first start makes; empty makes none.',
    }),
    host_networking: choice(['auto', 'bridge', 'none'], {
      default: 'auto',
      help: 'How guests are connected: by Linux bridges, not at all, or by bridges where this process may make them.',
    }),
    network_namespace: text({
      help: 'Path of the network namespace in which bridges and taps are, and libvirt runs; unset is the own one.',
    }),
    image_max_bytes: integer({ default: 2 ** 40, min: 1, help: 'Most bytes of one image.' }),
    access_log: boolean({ default: true, help: 'One log line per request.' }),
    metrics_listen: text({
      help: 'ADDRESS:PORT at which this process serves /metrics to anybody who can reach it, for Prometheus; unset: nowhere but, for admins, on the port of the APIs.',
    }),
    console_relay_url: text({
      help: 'http://… address of this api process for compute hosts, which bring consoles there; unset: where it listens.',
    }),
  },
}
