const MAGIC = 0x514649fb
const VERSION = 3
const HEADER_BYTES = 104
/** Bit 63 of a table entry: this cluster is used once, so it may be written in place. */
const USED_ONCE = 1n << 63n
/** Width of a reference count: 2^4 bits. */
const REFCOUNT_ORDER = 4

/**
 * Writes a disk as a qcow2 image, version 3 without a backing file: header, reference counts, L1 and L2 tables, then
 * the clusters that hold anything but zeros. Offsets and layout: QEMU, docs/interop/qcow2.txt.
 * @param disk the raw bytes; the virtual size is their number, which must be a multiple of 512.
 */
export function writeQcow2(disk: Uint8Array, { clusterBits = 16 } = {}): Uint8Array {
  const cluster = 2 ** clusterBits
  const perTable = cluster / 8
  const guestClusters = Math.ceil(disk.length / cluster)
  const all = Array.from({ length: guestClusters }, (_, index) => index)
  const used = all.filter((index) => !isZero(disk, index, cluster))
  const l2Numbers = [...new Set(used.map((index) => Math.floor(index / perTable)))]
  const l1Entries = Math.max(1, Math.ceil(guestClusters / perTable))
  const l1Clusters = Math.ceil(l1Entries / perTable)
  const { refcountBlocks, tableClusters, total } = layout(1 + l1Clusters + l2Numbers.length + used.length, cluster)

  const image = new Uint8Array(total * cluster)
  const view = new DataView(image.buffer)
  const tableAt = cluster
  const blocksAt = tableAt + tableClusters * cluster
  const l1At = blocksAt + refcountBlocks * cluster
  const l2At = l1At + l1Clusters * cluster
  const dataAt = l2At + l2Numbers.length * cluster

  writeHeader(view, { clusterBits, size: disk.length, l1At, l1Entries, tableAt, tableClusters })
  for (let block = 0; block < refcountBlocks; block++) {
    view.setBigUint64(tableAt + block * 8, BigInt(blocksAt + block * cluster))
  }
  for (let index = 0; index < total; index++) view.setUint16(blocksAt + index * 2, 1)
  l2Numbers.forEach((number, position) => {
    view.setBigUint64(l1At + number * 8, BigInt(l2At + position * cluster) | USED_ONCE)
  })
  used.forEach((index, position) => {
    const table = l2At + l2Numbers.indexOf(Math.floor(index / perTable)) * cluster
    const offset = dataAt + position * cluster
    view.setBigUint64(table + (index % perTable) * 8, BigInt(offset) | USED_ONCE)
    image.set(disk.subarray(index * cluster, (index + 1) * cluster), offset)
  })
  return image
}

/** Clusters of the whole file, found by growing the reference counts until they count themselves too. */
function layout(others: number, cluster: number): { refcountBlocks: number; tableClusters: number; total: number } {
  let refcountBlocks = 1
  for (;;) {
    const tableClusters = Math.ceil(refcountBlocks / (cluster / 8))
    const total = others + tableClusters + refcountBlocks
    const needed = Math.ceil(total / (cluster / 2))
    if (needed <= refcountBlocks) return { refcountBlocks, tableClusters, total }
    refcountBlocks = needed
  }
}

interface Header {
  clusterBits: number
  size: number
  l1At: number
  l1Entries: number
  tableAt: number
  tableClusters: number
}

function writeHeader(view: DataView, header: Header): void {
  view.setUint32(0, MAGIC)
  view.setUint32(4, VERSION)
  view.setUint32(20, header.clusterBits)
  view.setBigUint64(24, BigInt(header.size))
  view.setUint32(36, header.l1Entries)
  view.setBigUint64(40, BigInt(header.l1At))
  view.setBigUint64(48, BigInt(header.tableAt))
  view.setUint32(56, header.tableClusters)
  view.setUint32(96, REFCOUNT_ORDER)
  view.setUint32(100, HEADER_BYTES)
}

function isZero(disk: Uint8Array, index: number, cluster: number): boolean {
  const bytes = disk.subarray(index * cluster, (index + 1) * cluster)
  return Buffer.compare(bytes, Buffer.alloc(bytes.length)) === 0
}
