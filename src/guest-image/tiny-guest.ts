import { assemble } from './assembler.ts'
import { writeQcow2 } from './qcow2.ts'

/** Where a BIOS loads the boot sector. */
const ORIGIN = 0x7c00
const SECTOR = 512
/** Sectors of the program after the boot sector; the boot counter is kept in the sector behind them. */
const PROGRAM_SECTORS = 3
const SIZE_BYTES = 1024 * 1024

/**
 * A disk image that boots by itself in any x86 virtual machine: no operating system, 8 MB of memory, ready in a
 * fraction of a second even where QEMU emulates the processor. It is made for trying a cloud out and for testing it:
 *
 * - prints `tiny-guest boot=N sectors=S` on the first serial port and the screen. N counts boots and is kept on the
 *   disk, so a kept disk can be told from a fresh one; S is the size of the disk it was given;
 * - prints `tick T` once a second, which goes on over a pause or a migration and starts again after a reboot;
 * - powers off when the ACPI power button is pressed;
 * - reads keys from the serial port: `r` reboots, `q` powers off, `h` hangs (no ticks, deaf to the power button).
 *
 * @returns the bytes of the image, always the same; the virtual disk is 1 MiB.
 */
export function makeTinyImage(format: 'qcow2' | 'raw' = 'qcow2'): Uint8Array {
  const disk = new Uint8Array(SIZE_BYTES)
  disk.set(assemble(PROGRAM, ORIGIN))
  return format === 'raw' ? disk : writeQcow2(disk, { clusterBits: 12 })
}

// BIOS: int 13h ah=42h/43h/48h read, write and size of a disk; int 10h ah=0eh writes a character on the screen.
// The power-management registers stand at port 600h on QEMU's `pc` and `q35` machines, where SeaBIOS puts them:
// +0 status and +2 enable of events (bit 8 is the power button), +4 control (2000h goes to the soft-off state).
const PROGRAM = `
UART = 0x3f8
POWER = 0x600
POWER_BUTTON = 0x100
SOFT_OFF = 0x2000
TICKS = 0x46c                       ; the BIOS counts 18.2 of them a second here
BUFFER = 0x9000
PARAMETERS = 0x9400

    cli
    xor ax, ax
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov sp, ${ORIGIN}
    cld
    sti
    mov [drive], dl                 ; the BIOS says which disk it booted from
    mov si, packet
    mov ah, 0x42
    int 0x13
    jnc main
no_disk:
    hlt
    jmp no_disk

drive:
    db 0
    align 4
packet:                             ; what to read or write: first the rest of this program
    dw 16
packet_sectors:
    dw ${PROGRAM_SECTORS}
packet_buffer:
    dw ${ORIGIN + SECTOR}
    dw 0
packet_lba:
    dd 1
    dd 0
    pad ${ORIGIN + SECTOR - 2}
    dw 0xaa55

main:
    call open_uart
    mov dx, POWER+2
    mov ax, POWER_BUTTON
    out dx, ax
    call count_boot
    mov si, text_boot
    call print
    mov eax, [BUFFER]
    call print_number
    mov si, text_sectors
    call print
    call disk_sectors
    call print_number
    mov si, text_login
    call print
    mov eax, [TICKS]
    mov [second], eax

wait:
    hlt                             ; the timer wakes it
    mov dx, UART+5
    in al, dx
    test al, 1
    jz no_key
    mov dx, UART
    in al, dx
    cmp al, 'r'
    je reboot
    cmp al, 'q'
    je power_off
    cmp al, 'h'
    je hang
    call print_character
no_key:
    mov dx, POWER
    in ax, dx
    test ax, POWER_BUTTON
    jnz power_button
    mov ecx, [TICKS]
    mov eax, ecx
    sub eax, [second]
    cmp eax, 18
    jb wait
    mov [second], ecx               ; not 18 more: the count starts again at midnight
    inc dword [seconds]
    mov si, text_tick
    call print
    mov eax, [seconds]
    call print_number
    mov si, text_end
    call print
    jmp wait

power_button:
    mov si, text_power
    call print
power_off:
    mov dx, POWER+4
    mov ax, SOFT_OFF
    out dx, ax
hang:
    cli
    hlt
    jmp hang

reboot:
    mov dx, 0x64                    ; the keyboard controller holds the reset line
    mov al, 0xfe
    out dx, al
    jmp hang

open_uart:                          ; 115200 baud, 8 bits, no parity, FIFO on, polled
    mov dx, UART+3
    mov al, 0x80
    out dx, al
    mov dx, UART
    mov ax, 1
    out dx, ax
    mov dx, UART+3
    mov al, 3
    out dx, al
    mov dx, UART+2
    mov al, 7
    out dx, al
    ret

count_boot:                         ; leaves the number of this boot at BUFFER
    mov word [packet_sectors], 1
    mov word [packet_buffer], BUFFER
    mov dword [packet_lba], ${PROGRAM_SECTORS + 1}
    mov ah, 0x42
    call disk
    inc dword [BUFFER]
    mov ax, 0x4300
    call disk
    ret

disk:
    mov dl, [drive]
    mov si, packet
    int 0x13
    ret

disk_sectors:                       ; into eax
    mov word [PARAMETERS], 30
    mov dl, [drive]
    mov si, PARAMETERS
    mov ah, 0x48
    int 0x13
    mov eax, [PARAMETERS+16]
    ret

print_number:                       ; eax in decimal, from the last digit back
    mov ecx, 10
    mov di, digits_end
next_digit:
    xor edx, edx
    div ecx
    add dl, '0'
    sub di, 1
    mov [di], dl
    cmp eax, 0
    jne next_digit
    mov si, di
print:                              ; the zero-terminated text at si
    lodsb
    cmp al, 0
    je printed
    call print_character
    jmp print
printed:
    ret

print_character:
    pusha
    mov ah, 0x0e
    mov bx, 7
    int 0x10
    popa
    mov ah, al
    mov dx, UART+5
uart_busy:
    in al, dx
    test al, 0x20
    jz uart_busy
    mov dx, UART
    mov al, ah
    out dx, al
    ret

text_boot:
    db 13, 10, 'tiny-guest boot=', 0
text_sectors:
    db ' sectors=', 0
text_login:
    db 13, 10, 'tiny-guest login:'
text_end:
    db 13, 10, 0
text_tick:
    db 'tick ', 0
text_power:
    db 'power button', 13, 10, 0
    align 4
second:
    dd 0
seconds:
    dd 0
    dd 0, 0
    dw 0
digits_end:
    db 0
    pad ${ORIGIN + SECTOR * (PROGRAM_SECTORS + 1)}
`
