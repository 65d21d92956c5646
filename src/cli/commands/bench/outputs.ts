import { fstatSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { BenchOutcome } from '../../../measure/bench.js'
import { describeChanges } from '../../../report/changes.js'
import { renderMarkdown } from '../../../report/markdown/markdown.js'
import { renderTerminal } from '../../../report/text/terminal.js'
import { listDifferences } from '../../../result/differences.js'
import {
  checkOutput,
  findSamplesPath,
  type NamedPath,
  readResult,
  refuseSharedOutputs,
  writeResult,
} from '../../../result/result-file.js'
import type { BenchResult } from '../../../result/schema.js'
import { writeFileAtomically } from '../../../system/atomic-file.js'
import { resolveOutput } from '../../../system/output.js'
import { type OptionValues, readText } from '../../options/option-table.js'

/** Where the results of a run go. */
export interface BenchOutputs {
  readonly json: string | undefined
  readonly markdown: string | undefined
  /** An earlier result, to be set beside the new one. */
  readonly before: BenchResult | undefined
  /** Stdout, or stderr where stdout has been given to something else. */
  readonly table: NodeJS.WriteStream
}

/** Reads and checks `--json`, `--markdown` and `--compare`: nobody should wait an hour only to learn that nothing can be written. */
export async function prepareOutputs(options: OptionValues, dataset: string): Promise<BenchOutputs> {
  const json = readText(options, 'json')
  const markdown = readText(options, 'markdown')
  const toStdout = await Promise.all([json, markdown].map(isStdout))
  const table = toStdout.includes(true) ? process.stderr : process.stdout
  const named: NamedPath[] = []
  if (json !== undefined) named.push({ option: '--json', path: json })
  if (markdown !== undefined) named.push({ option: '--markdown', path: markdown })
  for (const { option, path } of named) await checkOutput(option, path)
  const samples = json === undefined ? undefined : await findSamplesPath(json)
  if (samples !== undefined) named.push({ option: 'the samples of --json', path: samples })
  // A terminal can show both. A file that the shell has opened would be replaced, and the table lost with the old one.
  if (table === process.stdout && fstatSync(process.stdout.fd).isFile()) {
    named.push({ option: 'the table on stdout', path: '-' })
  }
  if ((await stat(dataset).catch(() => undefined))?.isFile())
    named.push({ option: '--dataset', path: dataset })
  await refuseSharedOutputs(named)
  const compare = readText(options, 'compare')
  return { json, markdown, table, before: compare === undefined ? undefined : await readResult(compare) }
}

async function isStdout(path: string | undefined): Promise<boolean> {
  if (path === undefined) return false
  const output = await resolveOutput(path)
  return output.kind === 'descriptor' && output.descriptor === 1
}

/**
 * Writes everything that can be written, then throws the first failure: a disk that has filled up does not take the
 * table with it. Files come first, because they outlive the terminal.
 */
export async function writeOutputs(
  { json, markdown, table, before }: BenchOutputs,
  { result: now, samples }: BenchOutcome,
): Promise<void> {
  const compared = before && { before, now }
  const result = { ...now, warnings: [...now.warnings, ...(compared ? listDifferences(compared) : [])] }
  const failures: unknown[] = []
  const note = (error: unknown) => failures.push(error)
  if (json !== undefined) await writeResult(json, result, samples).catch(note)
  if (markdown !== undefined) {
    await writeFileAtomically(markdown, [Buffer.from(renderMarkdown(result))]).catch(note)
  }
  table.write(renderTerminal(result, terminalOptions(table)))
  if (compared) table.write(`\n${describeChanges(compared).join('\n')}\n`)
  if (failures.length > 0) throw failures[0]
}

function terminalOptions(stream: NodeJS.WriteStream): { width: number; color: boolean } {
  const isTerminal = stream.isTTY === true
  // https://no-color.org: any value but the empty one switches colours off.
  const color = isTerminal && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb'
  return { width: isTerminal ? stream.columns : Number.POSITIVE_INFINITY, color }
}
