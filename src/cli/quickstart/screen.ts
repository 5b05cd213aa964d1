/** What the tour writes to: a terminal, or anything plain. */
export interface Output {
  write(text: string): unknown
  readonly isTTY?: boolean
}

/** Shows on a terminal what a stage is doing at the moment; elsewhere nothing. */
export type Update = (doing: string) => void

/** A stage failed. `advice` says what the person at the keyboard can do about it. */
export class StageFailure extends Error {
  override readonly name = 'StageFailure'

  constructor(
    readonly stage: string,
    readonly advice: string,
    cause: unknown,
  ) {
    super(cause instanceof Error ? cause.message : String(cause), { cause })
  }
}

const WIDTH = 96
const NAME_WIDTH = 12
const TIME_WIDTH = 9

export interface Screen {
  say(text: string): void
  /**
   * One line of the tour: the name, what came of it, how long it took.
   * @param work returns the words for the line and a value.
   * @throws {StageFailure} when the work throws.
   */
  stage<T>(name: string, advice: string, work: (update: Update) => Promise<readonly [string, T]>): Promise<T>
}

export function createScreen(output: Output, now: () => number = () => performance.now()): Screen {
  const wipe = output.isTTY ? '\r\x1b[K' : ''
  const say = (text: string): void => void output.write(`${wipe}${text}\n`)
  const update = (name: string, doing: string): void => {
    if (output.isTTY) output.write(wipe + stageLine(name, `${doing} …`))
  }
  return {
    say,
    stage: async (name, advice, work) => {
      const start = now()
      update(name, '')
      try {
        const [said, value] = await work((doing) => update(name, doing))
        say(stageLine(name, said, (now() - start) / 1000))
        return value
      } catch (error) {
        output.write(wipe)
        throw new StageFailure(name, advice, error)
      }
    },
  }
}

function stageLine(name: string, said: string, seconds?: number): string {
  const room = WIDTH - 2 - NAME_WIDTH - TIME_WIDTH
  const text = said.length > room ? `${said.slice(0, room - 1)}…` : said
  const line = `  ${name.padEnd(NAME_WIDTH)}${text}`
  return seconds === undefined ? line : line.padEnd(WIDTH - TIME_WIDTH) + `${seconds.toFixed(1)} s`.padStart(TIME_WIDTH)
}

/** Breaks text into lines that fit, each indented by `indent` blanks. */
export function wrap(text: string, indent: number): string {
  const lines: string[] = []
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1)
    const fits = last !== undefined && last.length + 1 + word.length <= WIDTH - indent
    if (fits) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines.map((line) => ' '.repeat(indent) + line).join('\n')
}
