import type { ImageSource, Instance } from '../src/contracts/index.ts'
import { newHexId, newId } from '../src/kernel/index.ts'

/** An instance for tests: 1 VCPU, 64 MB, 1 GB, no image and no port, with ids of its own. */
export function testInstance(overrides: Partial<Instance> = {}): Instance {
  return {
    server_id: newId(),
    instance_name: 'instance-00000001',
    name: 'web 1',
    hostname: 'web-1',
    project_id: newHexId(),
    project_name: 'demo',
    user_id: newHexId(),
    user_name: 'demo',
    created_at: '2026-01-01T00:00:00Z',
    flavor: {
      id: '42',
      name: 'm1.nano',
      vcpus: 1,
      memory_mb: 64,
      root_gb: 1,
      ephemeral_gb: 0,
      swap_mb: 0,
      extra_specs: {},
    },
    image: null,
    vifs: [],
    reservation_id: 'r-00000001',
    launch_index: 0,
    availability_zone: 'nova',
    metadata: {},
    security_groups: ['default'],
    key: null,
    user_data: null,
    config_drive: false,
    personality: [],
    ...overrides,
  }
}

export function testImage(overrides: Partial<ImageSource> = {}): ImageSource {
  return {
    id: newId(),
    name: 'test',
    url: 'http://127.0.0.1/image',
    headers: {},
    disk_format: 'qcow2',
    size_bytes: 1_048_576,
    sha512: '0'.repeat(128),
    min_disk_gb: 0,
    properties: {},
    ...overrides,
  }
}
