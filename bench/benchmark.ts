import {
  type OptionRow,
  type OptionValues,
  parseOptions,
  readFlag,
  readText,
} from '#src/cli/options/option-table.js'
import { watchInterrupts } from '#src/cli/terminal/interrupt.js'
import { printError } from '#src/cli/terminal/print-error.js'
import { TerminalProgress } from '#src/cli/terminal/progress.js'
import { invalidArgument } from '#src/errors.js'
import { describeMachine } from '#src/measure/environment.js'
import type { Progress } from '#src/progress.js'
import { checkOutput } from '#src/result/result-file.js'
import { writeFileAtomically } from '#src/system/atomic-file.js'
import { measureReadBandwidth } from '#src/vectors/capabilities.js'

/** One line of a result: what was done, by whom, how fast, and how that compares. */
export interface Row {
  readonly work: string
  readonly name: string
  readonly isa?: string
  readonly dims: number
  /** Of one unit of the work: a distance, a search. */
  readonly ms: number
  /** 10^9 bytes of vectors looked at per second. */
  readonly gbps?: number
  readonly recall?: number
  /** Bytes of vectors and codes that a search reads, as a share of the vectors'. */
  readonly readShare?: number
  /** `ratios` of the result says, by work, what it is a ratio to. Higher is better. */
  readonly ratio: number
  /** 95 % interval of `ratio`. */
  readonly ratioCi95?: readonly [number, number]
  /** What something around the work adds to its time, with its 95 % interval. */
  readonly addedMs?: number
  readonly addedMsCi95?: readonly [number, number]
}

export interface Measured {
  readonly rows: readonly Row[]
  /** By `work`: what `ratio` is a ratio to. */
  readonly ratios: Readonly<Record<string, string>>
  readonly [detail: string]: unknown
}

export interface BenchmarkContext {
  readonly options: OptionValues
  readonly progress: Progress
  readonly signal: AbortSignal
  /** Of one thread, 10^9 bytes/s, measured just before. */
  readonly readBandwidthGBps: number
}

export interface Benchmark {
  /** As typed: `npm run bench:kernels --`. */
  readonly command: string
  readonly schema: string
  readonly summary: string
  readonly options: readonly OptionRow[]
  measure(context: BenchmarkContext): Promise<Measured>
  /** The result as text lines. */
  print(measured: Measured): readonly string[]
}

const sharedOptions: readonly OptionRow[] = [
  { name: 'json', value: 'FILE', summary: 'write the result to FILE as JSON' },
  { name: 'quick', summary: 'fewer sizes and samples, for a look or for CI' },
  { name: 'quiet', summary: 'no notes and no progress, errors only' },
  { name: 'debug', summary: 'show the stack and the cause of an error' },
  { name: 'help', summary: 'show this help' },
]

/** Runs a benchmark as a program: stdout is the table, stderr notes and progress. Sets the exit code. */
export async function runBenchmark(benchmark: Benchmark): Promise<void> {
  const args = process.argv.slice(2)
  const { signal, release } = watchInterrupts((message) => process.stderr.write(`\n${message}\n`))
  try {
    await run(benchmark, args, signal)
  } catch (error) {
    process.exitCode = printError(error, args.includes('--debug'))
  } finally {
    release()
  }
}

async function run(benchmark: Benchmark, args: readonly string[], signal: AbortSignal): Promise<void> {
  const table = [...benchmark.options, ...sharedOptions]
  const { options, positionals } = parseOptions(args, table, benchmark.command)
  if (positionals[0] !== undefined) throw invalidArgument('arguments', 'options only', positionals[0])
  if (readFlag(options, 'help')) {
    process.stdout.write(`${describe(benchmark, table).join('\n')}\n`)
    return
  }
  const json = readText(options, 'json')
  if (json !== undefined) await checkOutput('--json', json)

  const startedAt = new Date().toISOString()
  const progress = new TerminalProgress({ quiet: readFlag(options, 'quiet'), stream: process.stderr })
  const readBandwidthGBps = await measureReadBandwidth()
  progress.note(`Read bandwidth of one thread: ${readBandwidthGBps.toFixed(1)} GB/s`)
  const measured = await benchmark.measure({ options, progress, signal, readBandwidthGBps })
  progress.clear()

  process.stdout.write(`${benchmark.print(measured).join('\n')}\n`)
  if (json === undefined) return
  const environment = { ...(await describeMachine()), readBandwidthGBps }
  const result = { schema: benchmark.schema, startedAt, environment, ...measured }
  await writeFileAtomically(json, [Buffer.from(`${JSON.stringify(result, null, 2)}\n`)])
}

function describe(benchmark: Benchmark, table: readonly OptionRow[]): string[] {
  const names = table.map(({ name, value }) => `--${name}${value === undefined ? '' : ` ${value}`}`)
  const width = Math.max(...names.map((name) => name.length))
  return [
    benchmark.summary,
    '',
    `Usage: ${benchmark.command} [options]`,
    '',
    ...table.map(({ summary }, i) => `  ${names[i]!.padEnd(width)}  ${summary}`),
  ]
}
