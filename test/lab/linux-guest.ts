import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { copyFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { findProgram, runOrThrow } from '../../src/system/index.ts'
import { writeCpio } from './cpio.ts'

/** Linux for a guest: a kernel and the file system that it starts with, both read by QEMU itself. */
export interface LinuxGuest {
  readonly kernel: string
  readonly ramdisk: string
}

/** Of the network card, and what it needs; what is built in is left out. */
const MODULES = [
  'virtio', 'virtio_ring', 'virtio_pci_legacy_dev', 'virtio_pci_modern_dev', 'virtio_pci',
  'failover', 'net_failover', 'virtio_net',
]

/**
 * A guest with an operating system, of what Debian has: its kernel for clouds, unpacked and not installed, and busybox.
 * It takes addresses by DHCP on every card that comes, fetches its metadata, and says all of it on its console:
 *
 *     guest eth0 10.0.0.5/24
 *     guest metadata {"uuid": …
 *     guest ready
 */
export async function makeLinuxGuest(): Promise<LinuxGuest> {
  // Made once on a machine, and again when it would be another.
  const cache = join(tmpdir(), `bunova-linux-guest-${Bun.hash(init(MODULES) + LEASED).toString(36)}`)
  const made = { kernel: join(cache, 'vmlinuz'), ramdisk: join(cache, 'initrd.gz') }
  if (existsSync(made.kernel)) return made
  const work = mkdtempSync(join(tmpdir(), 'bunova-linux-making-'))
  try {
    const root = await unpackKernel(work)
    const boot = readdirSync(join(root, 'boot')).find((name) => name.startsWith('vmlinuz-'))!
    const ready = join(work, 'ready')
    mkdirSync(ready)
    writeFileSync(join(ready, 'initrd.gz'), gzipSync(await fileSystem(root, boot.slice('vmlinuz-'.length))))
    await copyFile(join(root, 'boot', boot), join(ready, 'vmlinuz'))
    chmodSync(ready, 0o755)
    // Another test may have been as fast.
    if (!existsSync(cache)) renameSync(ready, cache)
    return made
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

async function unpackKernel(work: string): Promise<string> {
  const depends = await runOrThrow(['apt-cache', 'depends', 'linux-image-cloud-amd64'])
  const name = /Depends: (linux-image-\S+)/.exec(depends)![1]!
  await runOrThrow(['sh', '-c', `cd '${work}' && apt-get -q download ${name}`], { timeout_s: 240 })
  const file = readdirSync(work).find((each) => each.endsWith('.deb'))!
  const root = join(work, 'root')
  await runOrThrow(['dpkg-deb', '-x', join(work, file), root], { timeout_s: 120 })
  return root
}

async function fileSystem(root: string, version: string): Promise<Uint8Array> {
  const found = new Bun.Glob(`**/modules/${version}/kernel/**/*.ko*`)
  const modules = new Map([...found.scanSync(root)].map((path) => [/([^/]+)\.ko/.exec(path)![1]!, join(root, path)]))
  const own = MODULES.filter((name) => modules.has(name))
  return writeCpio([
    ...['bin', 'dev', 'proc', 'sys', 'lib', 'etc', 'run'].map((name) => ({ name, directory: true as const })),
    { name: 'bin/busybox', mode: 0o755, bytes: await Bun.file(findProgram('busybox')!).bytes() },
    ...(await Promise.all(own.map(async (name) => ({ name: `lib/${name}.ko`, mode: 0o644, bytes: await moduleBytes(modules.get(name)!) })))),
    { name: 'init', mode: 0o755, bytes: new TextEncoder().encode(init(own)) },
    { name: 'bin/leased', mode: 0o755, bytes: new TextEncoder().encode(LEASED) },
  ])
}

async function moduleBytes(path: string): Promise<Uint8Array> {
  if (!path.endsWith('.xz')) return Bun.file(path).bytes()
  const child = Bun.spawn(['xz', '-dc', path], { stdout: 'pipe' })
  return new Uint8Array(await new Response(child.stdout).arrayBuffer())
}

function init(modules: readonly string[]): string {
  return `#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
exec >/dev/ttyS0 2>&1 </dev/null
echo 1 >/proc/sys/kernel/printk
# They need each other; what is not loaded in one pass is in the next.
for pass in 1 2 3; do for name in ${modules.join(' ')}; do insmod /lib/$name.ko 2>/dev/null; done; done
ip link set lo up
echo "guest started"
known=
while :; do
  for path in /sys/class/net/eth*; do
    [ -e "$path" ] || continue
    card=\${path##*/}
    case " $known " in *" $card "*) continue ;; esac
    known="$known $card"
    ip link set "$card" up
    udhcpc -i "$card" -b -t 20 -T 1 -O 121 -s /bin/leased -p /run/$card.pid >/dev/null 2>&1
  done
  for card in $known; do
    [ -e "/sys/class/net/$card" ] && continue
    echo "guest $card gone"
    known=" $(echo "$known" | sed "s/ $card//") "
    kill $(cat /run/$card.pid) 2>/dev/null
  done
  sleep 0.2
done
`
}

/** udhcpc calls it with what it was given in its environment. */
const LEASED = `#!/bin/busybox sh
[ "$1" = bound ] || exit 0
ip address replace $ip/$mask dev $interface
[ -z "$router" ] || ip route replace default via $router dev $interface
echo "guest $interface $ip/$mask" >/dev/ttyS0
[ "$interface" = eth0 ] || exit 0
echo "guest metadata $(timeout 10 wget -q -O - http://169.254.169.254/openstack/latest/meta_data.json)" >/dev/ttyS0
echo "guest userdata $(timeout 10 wget -q -O - http://169.254.169.254/latest/user-data | head -n 1)" >/dev/ttyS0
echo "guest ready" >/dev/ttyS0
`
