import { checkPromises, runBench } from '../measure/run-bench.js'
import { renderMarkdown } from '../report/markdown/markdown.js'
import { renderTerminal } from '../report/text/terminal.js'
import { checkOutput, writeResult } from '../result/result-file.js'
import { writeFileAtomically } from '../system/atomic-file.js'
import { describePlan } from './bench-plan.js'
import { readBenchRequest } from './bench-request.js'
import type { CommandContext } from './command.js'
import { readFlag, readText } from './options/option-table.js'
import { TerminalProgress } from './terminal/progress.js'

/** `--json -`: the result goes to stdout, and the table to stderr. */
const stdoutName = '-'

export async function run({ arguments: given, signal }: CommandContext): Promise<void> {
  const request = readBenchRequest(given)
  const { options } = given
  const json = readText(options, 'json')
  const markdown = readText(options, 'markdown')
  if (readFlag(options, 'dry-run')) {
    process.stdout.write(`${describePlan(request).join('\n')}\n`)
    return
  }
  if (json !== undefined && json !== stdoutName) await checkOutput('--json', json)
  if (markdown !== undefined) await checkOutput('--markdown', markdown)
  // The addon reads it when it is loaded, which has not happened yet.
  if (request.settings.isa !== undefined) process.env['SIMDGRES_ISA'] = request.settings.isa
  const progress = new TerminalProgress({ quiet: readFlag(options, 'quiet'), stream: process.stderr })
  const { result, samples } = await runBench(request, { progress, signal }).finally(() => progress.clear())
  // Files first: they stay where the terminal goes away. A disk that has become full does not take the table with it.
  const failures: unknown[] = []
  const note = (error: unknown) => failures.push(error)
  if (json !== undefined && json !== stdoutName) await writeResult(json, result, samples).catch(note)
  if (markdown !== undefined) {
    await writeFileAtomically(markdown, [Buffer.from(renderMarkdown(result))]).catch(note)
  }
  const table = json === stdoutName ? process.stderr : process.stdout
  table.write(renderTerminal(result, terminalOptions(table)))
  if (json === stdoutName) process.stdout.write(`${JSON.stringify(result)}\n`)
  if (failures.length > 0) throw failures[0]
  checkPromises(result)
}

function terminalOptions(stream: NodeJS.WriteStream): { width: number; color: boolean } {
  const isTerminal = stream.isTTY === true
  // https://no-color.org: any value but the empty one switches colours off.
  const color = isTerminal && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb'
  return { width: isTerminal ? stream.columns : Number.POSITIVE_INFINITY, color }
}
