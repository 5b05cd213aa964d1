import { describe, expect, test } from 'bun:test'
import { assemble } from './assembler.ts'

const hex = (source: string): string => Buffer.from(assemble(source, 0x7c00)).toString('hex')

describe('instructions are encoded as the processor manual says', () => {
  test.each([
    ['cli', 'fa'],
    ['in al, dx', 'ec'],
    ['out dx, ax', 'ef'],
    ['int 0x13', 'cd13'],
    ['mov ah, 0x42', 'b442'],
    ['mov sp, 0x7c00', 'bc007c'],
    ['mov ecx, 10', '66b90a000000'],
    ['mov ds, ax', '8ed8'],
    ['mov si, di', '89fe'],
    ['mov eax, [0x46c]', '668b066c04'],
    ['mov [0x9000], dl', '88160090'],
    ['mov [di], dl', '8815'],
    ['mov word [0x9000], 30', 'c70600901e00'],
    ['mov dword [0x9000], 1', '66c706009001000000'],
    ['xor ax, ax', '31c0'],
    ['xor edx, edx', '6631d2'],
    ['add dl, 0x30', '80c230'],
    ['sub eax, [0x500]', '662b060005'],
    ['cmp byte [si], 7', '803c07'],
    ['test al, 1', 'f6c001'],
    ['test ax, 0x100', 'f7c00001'],
    ['inc dword [0x9000]', '66ff060090'],
    ['div ecx', '66f7f1'],
  ])('%s', (source, expected) => expect(hex(source)).toBe(expected))
})

test('jumps reach labels before and after them', () => {
  expect(hex('again:\nhlt\njmp again\njc after\nhlt\nafter:')).toBe('f4' + 'e9fcff' + '0f820100' + 'f4')
})

test('constants, sums and characters stand where numbers may', () => {
  expect(hex("port = 0x3f8\nmov dx, port+5 ; the status\ncmp al, 'q'")).toBe('bafd03' + '80f871')
})

test('data, alignment and padding lay bytes where they are asked for', () => {
  expect(hex("db 'ab', 10\nalign 4\ndw 0xaa55\ndd 1\npad 0x7c0c")).toBe('61620a00' + '55aa' + '01000000' + '0000')
})

describe('what cannot be encoded is refused with its line', () => {
  test.each([
    ['hlt\njmp nowhere', 'line 2: nowhere is not defined: jmp nowhere'],
    ['mov al, 300', 'line 1: 300 does not fit in 1 byte(s): mov al, 300'],
    ['mov [0x500], 1', 'line 1: the size of the operand is not said: mov [0x500], 1'],
    ['mov al, bx', 'line 1: no such instruction: mov al, bx'],
    ['frob ax', 'line 1: no such instruction: frob ax'],
    ['x:\nx:', 'line 2: x is defined twice: x:'],
    ['hlt\npad 0x7c00', 'line 2: the code before it is too long: pad 0x7c00'],
  ])('%j', (source, message) => expect(() => assemble(source, 0x7c00)).toThrow(new SyntaxError(message)))
})
