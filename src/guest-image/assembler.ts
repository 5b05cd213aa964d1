/**
 * A two-pass assembler for the part of 16-bit x86 that a boot sector needs, in Intel syntax. Every instruction has one
 * encoding whose length does not depend on the value of a symbol, so the first pass can lay out all labels.
 *
 * One statement a line; `;` begins a comment.
 *   name:                     a label
 *   name = expression         a constant
 *   db 'text', 13, 10         data (`dw`, `dd` for words and double words)
 *   align 4 · pad 0x7dfe      zeros up to a multiple, or up to an address
 *   mov word [count], 7       memory is an address or one of [si], [di], [bx]; its size is said here or by the other
 *                             operand
 * @throws {SyntaxError} with the number and the text of the line at fault.
 */
export function assemble(source: string, origin: number): Uint8Array {
  const symbols = new Map<string, number>()
  const lines = source.split('\n').map((line) => line.replace(/;.*$/, '').trim())
  walk(lines, origin, symbols, { labels: 'define' })
  return walk(lines, origin, symbols, { labels: 'known' })
}

type Symbols = Map<string, number>

function walk(lines: string[], origin: number, symbols: Symbols, pass: { labels: 'define' | 'known' }): Uint8Array {
  const out: number[] = []
  const known = pass.labels === 'known'
  lines.forEach((line, index) => {
    try {
      const here = origin + out.length
      const value = (text: string): number => evaluate(text, symbols, known)
      const label = /^(\w+):$/.exec(line)
      const constant = /^(\w+)\s*=\s*(.+)$/.exec(line)
      if (line === '') return
      if (label) return define(symbols, label[1]!, here, known)
      if (constant) return define(symbols, constant[1]!, evaluate(constant[2]!, symbols, true), known)
      const [, name, rest] = /^(\w+)\s*(.*)$/.exec(line) ?? fail('not a statement')
      for (const byte of statement(name!, splitOperands(rest!), here, value)) out.push(byte)
    } catch (error) {
      throw new SyntaxError(`line ${index + 1}: ${(error as Error).message}: ${line}`)
    }
  })
  return Uint8Array.from(out)
}

function define(symbols: Symbols, name: string, value: number, again: boolean): void {
  if (again || !symbols.has(name)) symbols.set(name, value)
  else fail(`${name} is defined twice`)
}

function fail(message: string): never {
  throw new Error(message)
}

/** Sums and differences of numbers, characters and symbols. */
function evaluate(text: string, symbols: Symbols, known: boolean): number {
  const terms = text.match(/[+-]|'.'|\w+/g) ?? fail('an expression is missing')
  let sign = 1
  let total = 0
  for (const term of terms) {
    if (term === '+' || term === '-') sign = term === '+' ? 1 : -1
    else total += sign * termValue(term, symbols, known)
  }
  return total
}

function termValue(term: string, symbols: Symbols, known: boolean): number {
  if (term.startsWith("'")) return term.charCodeAt(1)
  if (/^\d/.test(term)) return Number(term)
  return symbols.get(term) ?? (known ? fail(`${term} is not defined`) : 0)
}

function splitOperands(text: string): string[] {
  return (text.match(/('[^']*'|[^,'])+/g) ?? []).map((operand) => operand.trim())
}

type Size = 1 | 2 | 4
type Operand =
  | { readonly kind: 'register'; readonly size: Size; readonly code: number }
  | { readonly kind: 'segment'; readonly code: number }
  | { readonly kind: 'memory'; readonly size: Size | undefined; readonly at: { base: number } | { address: number } }
  | { readonly kind: 'immediate'; readonly value: number }

const REGISTERS = new Map<string, Operand>([
  ...['al', 'cl', 'dl', 'bl', 'ah', 'ch', 'dh', 'bh'].map(registers(1)),
  ...['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di'].map(registers(2)),
  ...['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi'].map(registers(4)),
  ...['es', 'cs', 'ss', 'ds'].map((name, code): [string, Operand] => [name, { kind: 'segment', code }]),
])

function registers(size: Size): (name: string, code: number) => [string, Operand] {
  return (name, code) => [name, { kind: 'register', size, code }]
}

const SIZES: Record<string, Size> = { byte: 1, word: 2, dword: 4 }
const BASES: Record<string, number> = { si: 0b100, di: 0b101, bx: 0b111 }

function parseOperand(text: string, value: (text: string) => number): Operand {
  const memory = /^(?:(byte|word|dword)\s+)?\[(.+)\]$/.exec(text)
  if (memory) {
    const base = BASES[memory[2]!]
    const at = base === undefined ? { address: value(memory[2]!) } : { base }
    return { kind: 'memory', size: SIZES[memory[1] ?? ''], at }
  }
  return REGISTERS.get(text) ?? { kind: 'immediate', value: value(text) }
}

/** Little-endian bytes of a value, which may be signed or unsigned. */
function bytes(value: number, size: Size): number[] {
  const limit = 2 ** (8 * size)
  if (value >= limit || value < -limit / 2) fail(`${value} does not fit in ${size} byte(s)`)
  return Array.from({ length: size }, (_, index) => Math.floor(value / 2 ** (8 * index)) & 0xff)
}

/** Instructions without operands, or whose operands are fixed by the architecture. */
const PLAIN: Record<string, number[]> = {
  'cld': [0xfc], 'cli': [0xfa], 'sti': [0xfb], 'hlt': [0xf4], 'ret': [0xc3],
  'lodsb': [0xac], 'pusha': [0x60], 'popa': [0x61],
  'in al,dx': [0xec], 'in ax,dx': [0xed], 'out dx,al': [0xee], 'out dx,ax': [0xef],
} // prettier-ignore
const ARITHMETIC = ['add', 'or', 'adc', 'sbb', 'and', 'sub', 'xor', 'cmp']
const NEAR: Record<string, number[]> = {
  jmp: [0xe9], call: [0xe8], jc: [0x0f, 0x82], jnc: [0x0f, 0x83], je: [0x0f, 0x84], jz: [0x0f, 0x84],
  jne: [0x0f, 0x85], jnz: [0x0f, 0x85], jb: [0x0f, 0x82], jae: [0x0f, 0x83],
} // prettier-ignore

function statement(name: string, texts: string[], here: number, value: (text: string) => number): number[] {
  const data = ({ db: 1, dw: 2, dd: 4 } as const)[name]
  if (data) return texts.flatMap((text) => dataBytes(text, data, value))
  if (name === 'align') return zeros(-here & (value(texts[0]!) - 1))
  if (name === 'pad') return zeros(value(texts[0]!) - here)
  const plain = PLAIN[[name, texts.join(',')].join(' ').trim()]
  if (plain) return plain
  const near = NEAR[name]
  if (near) return [...near, ...bytes(signed16(value(texts[0]!) - (here + near.length + 2)), 2)]
  const operands = texts.map((text) => parseOperand(text, value))
  return instruction(name, operands) ?? fail('no such instruction')
}

const signed16 = (distance: number): number => (distance << 16) >> 16

function zeros(count: number): number[] {
  return count >= 0 ? Array<number>(count).fill(0) : fail('the code before it is too long')
}

function dataBytes(text: string, size: Size, value: (text: string) => number): number[] {
  const string = /^'([^']{2,})'$/.exec(text)
  return string ? [...string[1]!].map((char) => char.charCodeAt(0)) : bytes(value(text), size)
}

function instruction(name: string, [to, from]: Operand[]): number[] | undefined {
  if (name === 'int' && to?.kind === 'immediate') return [0xcd, ...bytes(to.value, 1)]
  if (name === 'inc' && to) return unary(0xfe, 0, to)
  if (name === 'div' && to) return unary(0xf6, 6, to)
  if (!to || !from) return undefined
  if (name === 'test' && from.kind === 'immediate') return withImmediate(0xf6, 0, to, from.value)
  if (name === 'mov') return move(to, from)
  const operation = ARITHMETIC.indexOf(name)
  if (operation < 0) return undefined
  if (from.kind === 'immediate') return withImmediate(0x80, operation, to, from.value)
  return twoOperands(operation * 8, to, from)
}

function move(to: Operand, from: Operand): number[] | undefined {
  if (to.kind === 'segment') return sizeOf(from) === 2 ? [0x8e, ...modrm(to.code, from)] : undefined
  if (from.kind !== 'immediate') return twoOperands(0x88, to, from)
  if (to.kind !== 'register') return withImmediate(0xc6, 0, to, from.value)
  const opcode = (to.size === 1 ? 0xb0 : 0xb8) + to.code
  return [...prefix(to.size), opcode, ...bytes(from.value, to.size)]
}

/** `op reg, r/m` or `op r/m, reg`: bit 0 of the opcode says wider than a byte, bit 1 that the register is written. */
function twoOperands(opcode: number, to: Operand, from: Operand): number[] | undefined {
  const [register, other, direction] = from.kind === 'register' ? [from, to, 0] : [to, from, 2]
  if (register.kind !== 'register' || (sizeOf(other) ?? register.size) !== register.size) return undefined
  return [...prefix(register.size), opcode | direction | wide(register.size), ...modrm(register.code, other)]
}

function withImmediate(opcode: number, extension: number, to: Operand, value: number): number[] {
  const size = sizeOf(to) ?? fail('the size of the operand is not said')
  return [...prefix(size), opcode | wide(size), ...modrm(extension, to), ...bytes(value, size)]
}

function unary(opcode: number, extension: number, to: Operand): number[] {
  const size = sizeOf(to) ?? fail('the size of the operand is not said')
  return [...prefix(size), opcode | wide(size), ...modrm(extension, to)]
}

const wide = (size: Size): number => (size === 1 ? 0 : 1)
/** In 16-bit code this prefix makes an operand 32 bits wide. */
const prefix = (size: Size): number[] => (size === 4 ? [0x66] : [])
const sizeOf = (operand: Operand): Size | undefined => ('size' in operand ? operand.size : undefined)

function modrm(register: number, operand: Operand): number[] {
  if (operand.kind === 'register') return [0xc0 | (register << 3) | operand.code]
  if (operand.kind !== 'memory') return fail('a register or a memory operand is needed here')
  if ('base' in operand.at) return [(register << 3) | operand.at.base]
  return [(register << 3) | 0b110, ...bytes(operand.at.address, 2)]
}
