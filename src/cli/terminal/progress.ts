import type { Progress } from '../../progress.js'

/** A terminal line is redrawn at most this often; drawing must not disturb what is being measured. */
const redrawMs = 200
/** In a log, a step gets a new line at most this often. */
const logMs = 15_000

export interface ProgressOptions {
  readonly quiet: boolean
  readonly stream: NodeJS.WriteStream
}

/** Progress for people, on stderr: one line that is redrawn on a terminal, a few whole lines in a log. */
export class TerminalProgress implements Progress {
  readonly #stream: NodeJS.WriteStream
  readonly #quiet: boolean
  readonly #isTerminal: boolean
  #lineDrawn = false
  /** Labels that have had a line in the log. */
  readonly #begun = new Set<string>()
  #label = ''
  #shownAtMs = Number.NEGATIVE_INFINITY

  constructor({ quiet, stream }: ProgressOptions) {
    this.#stream = stream
    this.#quiet = quiet
    this.#isTerminal = stream.isTTY === true && process.env['TERM'] !== 'dumb'
  }

  note(message: string): void {
    if (this.#quiet) return
    this.clear()
    this.#stream.write(`${message}\n`)
  }

  step(label: string, done: number, total: number): void {
    if (this.#quiet) return
    const percent = total > 0 ? Math.floor((100 * Math.min(done, total)) / total) : 0
    if (this.#isTerminal) this.#redraw(label, percent)
    else this.#log(label, percent)
  }

  #redraw(label: string, percent: number): void {
    const now = performance.now()
    if (label === this.#label && now - this.#shownAtMs < redrawMs) return
    this.#label = label
    this.#shownAtMs = now
    const text = `${label} ${percent} %`
    this.#stream.write(`\r\x1b[K${text.slice(0, this.#stream.columns - 1)}`)
    this.#lineDrawn = true
  }

  #log(label: string, percent: number): void {
    const now = performance.now()
    const isNew = !this.#begun.has(label)
    if (!isNew && now - this.#shownAtMs < logMs) return
    this.#begun.add(label)
    this.#shownAtMs = now
    this.#stream.write(isNew ? `${label}\n` : `${label} ${percent} %\n`)
  }

  /** Removes the progress line, before anything else is printed. */
  clear(): void {
    if (!this.#lineDrawn) return
    this.#stream.write('\r\x1b[K')
    this.#lineDrawn = false
    this.#label = ''
  }
}
