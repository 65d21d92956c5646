import { renderTuneHtml } from '../../../report/html/tune.js'
import { renderTuneMarkdown } from '../../../report/markdown/tune.js'
import { renderTune } from '../../../report/text/tune.js'
import { renderTunedEnv, renderTunedSql } from '../../../report/tuned-settings.js'
import { checkOutput, type NamedPath, refuseSharedOutputs } from '../../../result/result-file.js'
import type { TuneResult } from '../../../result/tune-schema.js'
import { writeFileAtomically } from '../../../system/atomic-file.js'
import { type OptionValues, readText } from '../../options/option-table.js'

type Render = (result: TuneResult) => string | Promise<string>

/**
 * Checks where the results go before anything is measured.
 * @returns writes them, files first, because they outlive the terminal.
 */
export async function prepareTuneOutputs(
  options: OptionValues,
): Promise<(result: TuneResult) => Promise<void>> {
  const outputs: (NamedPath & { render: Render })[] = []
  const add = (option: string, path: string | undefined, render: Render) => {
    if (path !== undefined) outputs.push({ option, path, render })
  }
  add('--json', readText(options, 'json'), (result) => `${JSON.stringify(result, undefined, 2)}\n`)
  add('--html', readText(options, 'html'), renderTuneHtml)
  add('--markdown', readText(options, 'markdown'), renderTuneMarkdown)
  const out = readText(options, 'out')
  add('--out', out && `${out}.env`, renderTunedEnv)
  add('--out', out && `${out}.sql`, renderTunedSql)
  for (const { option, path } of outputs) await checkOutput(option, path)
  await refuseSharedOutputs(outputs)
  return async (result) => {
    for (const { path, render } of outputs) {
      await writeFileAtomically(path, [Buffer.from(await render(result))])
    }
    process.stdout.write(renderTune(result))
  }
}
