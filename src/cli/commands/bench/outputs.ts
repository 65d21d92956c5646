import { stat } from 'node:fs/promises'
import type { BenchOutcome } from '../../../measure/bench.js'
import { describeChanges } from '../../../report/changes.js'
import { renderBenchHtml } from '../../../report/html/bench.js'
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
import { type OptionValues, readText } from '../../options/option-table.js'
import { chooseTableStream, describeStream, nameTable } from '../../terminal/table-stream.js'

/** Where the results of a run go. */
export interface BenchOutputs {
  readonly json: string | undefined
  readonly markdown: string | undefined
  readonly html: string | undefined
  /** An earlier result, to be set beside the new one. */
  readonly before: BenchResult | undefined
  /** Stdout, or stderr where stdout has been given to something else. */
  readonly table: NodeJS.WriteStream
}

/**
 * Reads and checks `--json`, `--markdown`, `--html` and `--compare`: nobody should wait an hour only to learn that nothing can be
 * written.
 */
export async function prepareOutputs(options: OptionValues, dataset: string): Promise<BenchOutputs> {
  const json = readText(options, 'json')
  const markdown = readText(options, 'markdown')
  const html = readText(options, 'html')
  const table = await chooseTableStream([json, markdown, html])
  const named: NamedPath[] = []
  if (json !== undefined) named.push({ option: '--json', path: json })
  if (markdown !== undefined) named.push({ option: '--markdown', path: markdown })
  if (html !== undefined) named.push({ option: '--html', path: html })
  for (const { option, path } of named) await checkOutput(option, path)
  const samples = json === undefined ? undefined : await findSamplesPath(json)
  if (samples !== undefined) named.push({ option: 'the samples of --json', path: samples })
  named.push(...nameTable(table))
  if ((await stat(dataset).catch(() => undefined))?.isFile())
    named.push({ option: '--dataset', path: dataset })
  await refuseSharedOutputs(named)
  const compare = readText(options, 'compare')
  const before = compare === undefined ? undefined : await readResult(compare)
  return { json, markdown, html, table, before }
}

/**
 * Writes everything that can be written, then throws the first failure: a disk that has filled up does not take the
 * table with it. Files come first, because they outlive the terminal.
 */
export async function writeOutputs(
  { json, markdown, html, table, before }: BenchOutputs,
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
  if (html !== undefined) {
    const earlier = before === undefined ? [] : [{ name: 'before', result: before }]
    await renderBenchHtml([...earlier, { name: 'now', result: now }])
      .then((page) => writeFileAtomically(html, [Buffer.from(page)]))
      .catch(note)
  }
  table.write(renderTerminal(result, describeStream(table)))
  if (compared) table.write(`\n${describeChanges(compared).join('\n')}\n`)
  if (failures.length > 0) throw failures[0]
}
