const MAGIC = 0x1badb002
/** The fields behind the checksum say where the kernel is loaded. */
const WITH_ADDRESSES = 1 << 16
const LOADED_AT = 0x100000
const HEADER_BYTES = 32

/**
 * The smallest kernel that QEMU loads by itself (Multiboot 1): it writes its command line on the first serial port and
 * halts.
 */
export function multibootKernel(): Uint8Array {
  const code = Uint8Array.of(
    0x8b, 0x73, 0x10, //              mov esi, [ebx+16]    the command line, in the loader's information
    0x66, 0xba, 0xf8, 0x03, //        mov dx, 0x3f8
    0xac, //                  next:   lodsb
    0x84, 0xc0, //                    test al, al
    0x74, 0x03, //                    jz done
    0xee, //                          out dx, al
    0xeb, 0xf8, //                    jmp next
    0xb0, 0x0a, 0xee, //      done:   mov al, 10; out dx, al
    0xf4, //                  halt:   hlt
    0xeb, 0xfd, //                    jmp halt
  )
  const kernel = new Uint8Array(HEADER_BYTES + code.length)
  const end = LOADED_AT + kernel.length
  const header = [MAGIC, WITH_ADDRESSES, -(MAGIC + WITH_ADDRESSES), LOADED_AT, LOADED_AT, end, end, LOADED_AT + HEADER_BYTES]
  const view = new DataView(kernel.buffer)
  header.forEach((value, index) => view.setUint32(index * 4, value >>> 0, true))
  kernel.set(code, HEADER_BYTES)
  return kernel
}
