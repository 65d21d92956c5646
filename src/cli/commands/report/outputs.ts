import { basename } from 'node:path'
import { invalidArgument } from '../../../errors.js'
import { renderCsv } from '../../../report/csv.js'
import { renderBenchHtml } from '../../../report/html/bench.js'
import { renderBenchJunit } from '../../../report/junit/bench.js'
import { renderMarkdown } from '../../../report/markdown/markdown.js'
import { renderMarkdownSideBySide } from '../../../report/markdown/side-by-side.js'
import type { NamedResult } from '../../../report/side-by-side.js'
import { renderSideBySide } from '../../../report/text/side-by-side.js'
import { renderTerminal } from '../../../report/text/terminal.js'
import { checkOutput, type NamedPath, readResult, refuseSharedOutputs } from '../../../result/result-file.js'
import { writeFileAtomically } from '../../../system/atomic-file.js'
import { type OptionValues, readFlag, readText } from '../../options/option-table.js'
import { chooseTableStream, describeStream, nameTable } from '../../terminal/table-stream.js'

type Render = (results: readonly NamedResult[]) => string | Promise<string>

/**
 * Checks where the reports go, and reads the results.
 * @returns writes them: files first, then the table, unless it is not wanted.
 */
export async function prepareReport(
  options: OptionValues,
  files: readonly string[],
): Promise<() => Promise<void>> {
  const outputs: (NamedPath & { render: Render })[] = []
  const add = (option: string, path: string | undefined, render: Render) => {
    if (path !== undefined) outputs.push({ option, path, render })
  }
  add('--html', readText(options, 'html'), renderBenchHtml)
  add('--markdown', readText(options, 'markdown'), (results) =>
    oneOrMore(results, renderMarkdown, renderMarkdownSideBySide),
  )
  add('--csv', readText(options, 'csv'), renderCsv)
  add('--junit', readText(options, 'junit'), renderBenchJunit)
  for (const { option, path } of outputs) await checkOutput(option, path)
  const table = await chooseTableStream(outputs.map(({ path }) => path))
  await refuseSharedOutputs([...outputs, ...nameTable(table)])
  for (const path of files) await refuseSharedOutputs([...outputs, { option: 'a result', path }])
  const names = nameFiles(files)
  const results: NamedResult[] = []
  for (const [i, path] of files.entries()) results.push({ name: names[i]!, result: await readResult(path) })
  return async () => {
    for (const { path, render } of outputs)
      await writeFileAtomically(path, [Buffer.from(await render(results))])
    if (readFlag(options, 'quiet')) return
    table.write(
      oneOrMore(results, (result) => renderTerminal(result, describeStream(table)), renderSideBySide),
    )
  }
}

function oneOrMore(
  results: readonly NamedResult[],
  renderOne: (result: NamedResult['result']) => string,
  renderAll: (results: readonly NamedResult[]) => string,
): string {
  return results.length === 1 ? renderOne(results[0]!.result) : renderAll(results)
}

/** By the names of the files; by their paths where two have one name. */
function nameFiles(files: readonly string[]): string[] {
  const twice = files.find((file, i) => files.indexOf(file) < i)
  if (twice !== undefined) {
    throw invalidArgument(
      'results',
      'different files',
      twice,
      'Name each result once: it is compared with the others.',
    )
  }
  const short = files.map((file) => basename(file).replace(/\.json$/, ''))
  return new Set(short).size === files.length ? short : [...files]
}
