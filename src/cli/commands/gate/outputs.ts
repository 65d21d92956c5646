import { appendFile } from 'node:fs/promises'
import { renderGateJunit } from '../../../report/junit/gate.js'
import { renderGateMarkdown } from '../../../report/markdown/gate.js'
import { renderGate } from '../../../report/text/gate.js'
import type { GateResult } from '../../../result/gate-schema.js'
import { checkOutput, type NamedPath, refuseSharedOutputs } from '../../../result/result-file.js'
import { writeFileAtomically } from '../../../system/atomic-file.js'
import { toStorageError } from '../../../system/storage-error.js'
import { type OptionValues, readText } from '../../options/option-table.js'

type Write = (path: string, result: GateResult) => Promise<void>

const writeAs =
  (render: (result: GateResult) => string): Write =>
  (path, result) =>
    writeFileAtomically(path, [Buffer.from(render(result))])

/**
 * Checks where the results go before anything is measured.
 * @returns writes them, files first, because they outlive the terminal.
 */
export async function prepareGateOutputs(
  options: OptionValues,
): Promise<(result: GateResult) => Promise<void>> {
  const outputs: (NamedPath & { write: Write })[] = []
  const add = (option: string, path: string | undefined, write: Write) => {
    if (path !== undefined) outputs.push({ option, path, write })
  }
  add(
    '--json',
    readText(options, 'json'),
    writeAs((result) => `${JSON.stringify(result, undefined, 2)}\n`),
  )
  add('--markdown', readText(options, 'markdown'), writeAs(renderGateMarkdown))
  add('--junit', readText(options, 'junit'), writeAs(renderGateJunit))
  add('--history', readText(options, 'history'), appendLine)
  for (const { option, path } of outputs) await checkOutput(option, path)
  await refuseSharedOutputs(outputs)
  return async (result) => {
    for (const { path, write } of outputs) await write(path, result)
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
