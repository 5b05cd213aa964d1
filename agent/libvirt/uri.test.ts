import { describe, expect, test } from 'bun:test'
import { parseConnectionUri } from './uri.ts'

describe('connection_uri', () => {
  test('leads to the modular daemon first, then to the monolithic one', () => {
    expect(parseConnectionUri('qemu:///system')).toEqual({
      sockets: ['/run/libvirt/virtqemud-sock', '/run/libvirt/libvirt-sock'],
      name: 'qemu:///system',
    })
  })

  test('may name its socket', () => {
    expect(parseConnectionUri('qemu+unix:///system?socket=/tmp/a/libvirt-sock')).toEqual({
      sockets: ['/tmp/a/libvirt-sock'],
      name: 'qemu:///system',
    })
  })

  test("leads to a user's own daemon for a session", () => {
    expect(parseConnectionUri('qemu:///session', { XDG_RUNTIME_DIR: '/run/user/7' })).toEqual({
      sockets: ['/run/user/7/libvirt/virtqemud-sock', '/run/user/7/libvirt/libvirt-sock'],
      name: 'qemu:///session',
    })
  })

  test('is refused where it leads to another host, hypervisor or transport', () => {
    for (const uri of ['', 'qemu', 'xen:///system', 'qemu+tcp:///system', 'qemu+ssh://host/system', 'qemu:///other']) {
      expect(() => parseConnectionUri(uri)).toThrow('connection_uri')
    }
  })
})
