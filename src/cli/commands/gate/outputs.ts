import { appendFile } from 'node:fs/promises'
import { renderGateJunit } from '../../../report/junit/gate.js'
import { renderGateMarkdown } from '../../../report/markdown/gate.js'
import { renderGate } from '../../../report/text/gate.js'
import type { GateResult } from '../../../result/gate-schema.js'
import { checkOutput, type NamedPath, refuseSharedOutputs } from '../../../result/result-file.js'
import { writeFileAtomically } from '../../../system/atomic-file.js'
import { toStorageError } from '../../../system/storage-error.js'
import { type OptionValues, readText } from '../../options/option-table.js'

const renderers: Readonly<Record<string, (result: GateResult) => string>> = {
  json: (result) => `${JSON.stringify(result, undefined, 2)}\n`,
  markdown: renderGateMarkdown,
  junit: renderGateJunit,
}

/**
 * Checks where the results go before anything is measured.
 * @returns writes them, files first, because they outlive the terminal.
 */
export async function prepareGateOutputs(
  options: OptionValues,
): Promise<(result: GateResult) => Promise<void>> {
  const named = Object.keys({ ...renderers, history: true }).flatMap(
    (name): (NamedPath & { name: string })[] => {
      const path = readText(options, name)
      return path === undefined ? [] : [{ name, option: `--${name}`, path }]
    },
  )
  for (const { option, path } of named) await checkOutput(option, path)
  await refuseSharedOutputs(named)
  return async (result) => {
    for (const { name, path } of named) {
      if (name === 'history') await appendLine(path, result)
      else await writeFileAtomically(path, [Buffer.from(renderers[name]!(result))])
    }
    process.stdout.write(renderGate(result))
  }
}

async function appendLine(path: string, result: GateResult): Promise<void> {
  try {
    await appendFile(path, `${JSON.stringify(result)}\n`)
  } catch (error) {
    throw toStorageError(error, `appending to ${path}`)
  }
}
