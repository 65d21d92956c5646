import { renderAdviceMarkdown } from '../../../report/markdown/advise.js'
import { renderAdvice } from '../../../report/text/advise.js'
import type { AdviceResult } from '../../../result/advice.js'
import { checkOutput, type NamedPath, refuseSharedOutputs } from '../../../result/result-file.js'
import { writeFileAtomically } from '../../../system/atomic-file.js'
import { type OptionValues, readText } from '../../options/option-table.js'
import { chooseTableStream, nameTable } from '../../terminal/table-stream.js'

/**
 * Checks where the results go before anything is asked.
 * @returns writes them, files first, because they outlive the terminal.
 */
export async function prepareAdviceOutputs(
  options: OptionValues,
): Promise<(result: AdviceResult) => Promise<void>> {
  const outputs: (NamedPath & { render(result: AdviceResult): string })[] = []
  const [json, markdown] = [readText(options, 'json'), readText(options, 'markdown')]
  if (json !== undefined) {
    outputs.push({
      option: '--json',
      path: json,
      render: (result) => `${JSON.stringify(result, undefined, 2)}\n`,
    })
  }
  if (markdown !== undefined)
    outputs.push({ option: '--markdown', path: markdown, render: renderAdviceMarkdown })
  for (const { option, path } of outputs) await checkOutput(option, path)
  const table = await chooseTableStream([json, markdown])
  await refuseSharedOutputs([...outputs, ...nameTable(table)])
  return async (result) => {
    for (const { path, render } of outputs) await writeFileAtomically(path, [Buffer.from(render(result))])
    table.write(renderAdvice(result))
  }
}
