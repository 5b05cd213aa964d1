import type { FakeGuest } from './guests.ts'

/** Boots that the console log still shows; those before have been rotated away. */
const BOOTS_SHOWN = 3

/** What a simulated guest has written on its console: a function of what it is and how often it was started. */
export function consoleLog(guest: FakeGuest): string {
  const first = Math.max(1, guest.boots - BOOTS_SHOWN + 1)
  let log = ''
  for (let boot = first; boot <= guest.boots; boot++) {
    log += bootLog(guest, boot)
    if (boot < guest.boots || guest.power_state === 'shutdown') log += `\n[   60.000000] reboot: Power down\n`
  }
  return log
}

function bootLog({ server_id, name, hostname, vcpus, memory_mb, root_gb }: FakeGuest, boot: number): string {
  return [
    `[    0.000000] Simulated guest ${server_id}, boot ${boot}`,
    `[    0.000000] Memory: ${memory_mb * 1024}K available`,
    `[    0.004000] smp: ${vcpus} CPUs online`,
    `[    0.020000] virtio_blk virtio0: [vda] ${root_gb * 2 ** 21} 512-byte logical blocks`,
    `[    0.180000] Server name: ${name.replace(/[\p{Cc}\p{Cf}]/gu, ' ')}`,
    `[    0.200000] Hostname set to <${hostname}>`,
    '',
    `${hostname} login: `,
  ].join('\n')
}

/** The last `lines` of a text, all of it for null. */
export function lastLines(text: string, lines: number | null): string {
  if (lines === null) return text
  if (lines === 0) return ''
  return text.split('\n').slice(-lines).join('\n')
}
