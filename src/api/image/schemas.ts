import { CONTAINER_FORMATS, DISK_FORMATS, MAX_NAME, MEMBER_STATUSES, VISIBILITIES } from '../../image/index.ts'

const text = (description: string, more: object = {}) => ({ type: 'string', description, ...more })
const readOnly = (description: string, type: string | readonly string[]) => ({ type, readOnly: true, description })
const nullable = ['null', 'string']

/** What older clients read before they build a request. */
const imageSchema = {
  name: 'image',
  properties: {
    id: text('An identifier for the image', {
      pattern: '^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$',
    }),
    name: { type: nullable, description: 'Descriptive name for the image', maxLength: MAX_NAME },
    status: readOnly('Status of the image', 'string'),
    visibility: text('Scope of image accessibility', { enum: VISIBILITIES }),
    protected: { type: 'boolean', description: 'If true, image will not be deletable.' },
    os_hidden: { type: 'boolean', description: 'If true, image will not appear in default image list response.' },
    owner: { type: nullable, description: 'Owner of the image', maxLength: MAX_NAME },
    disk_format: { type: nullable, description: 'Format of the disk', enum: [null, ...DISK_FORMATS] },
    container_format: { type: nullable, description: 'Format of the container', enum: [null, ...CONTAINER_FORMATS] },
    size: readOnly('Size of image file in bytes', ['null', 'integer']),
    virtual_size: readOnly('Virtual size of image in bytes', ['null', 'integer']),
    min_disk: { type: 'integer', description: 'Amount of disk space (in GB) required to boot image.' },
    min_ram: { type: 'integer', description: 'Amount of ram (in MB) required to boot image.' },
    checksum: readOnly('md5 hash of image contents.', nullable),
    os_hash_algo: readOnly('Algorithm to calculate the os_hash_value', nullable),
    os_hash_value: readOnly('Hexdigest of the image contents using the algorithm os_hash_algo', nullable),
    tags: {
      type: 'array',
      description: 'List of strings related to the image',
      items: { type: 'string', maxLength: MAX_NAME },
    },
    created_at: readOnly('Date and time of image registration', 'string'),
    updated_at: readOnly('Date and time of the last image modification', 'string'),
    self: readOnly('An image self url', 'string'),
    file: readOnly('An image file url', 'string'),
    schema: readOnly('An image schema url', 'string'),
  },
  additionalProperties: { type: 'string' },
  links: [
    { rel: 'self', href: '{self}' },
    { rel: 'enclosure', href: '{file}' },
    { rel: 'describedby', href: '{schema}' },
  ],
}

const memberSchema = {
  name: 'member',
  properties: {
    image_id: text('An identifier for the image'),
    member_id: text('An identifier for the image member (tenantId)'),
    status: text('The status of this image member', { enum: MEMBER_STATUSES }),
    created_at: text('Date and time of image member creation'),
    updated_at: text('Date and time of last modification of image member'),
    schema: readOnly('A member schema url', 'string'),
  },
}

function listOf(name: string, item: object, paged: boolean): object {
  const page = { first: { type: 'string' }, next: { type: 'string' } }
  const links = [
    { rel: 'first', href: '{first}' },
    { rel: 'next', href: '{next}' },
  ]
  return {
    name,
    properties: { [name]: { type: 'array', items: item }, ...(paged ? page : {}), schema: { type: 'string' } },
    links: [...(paged ? links : []), { rel: 'describedby', href: '{schema}' }],
  }
}

export const schemas: Readonly<Record<string, object>> = {
  image: imageSchema,
  images: listOf('images', imageSchema, true),
  member: memberSchema,
  members: listOf('members', memberSchema, false),
}
