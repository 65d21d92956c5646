import { readFile } from 'node:fs/promises'
import { SimdgresError } from '../errors.js'
import { packageRoot } from '../system/cache-folder.js'
import { commands } from './commands/list.js'
import { type Command, sharedOptions } from './options/command.js'
import { parseOptions, readFlag } from './options/option-table.js'
import { findNearestName } from './options/suggestion.js'
import { renderCommandHelp, renderHelp } from './terminal/help.js'
import { watchInterrupts } from './terminal/interrupt.js'
import { printError } from './terminal/print-error.js'
import { watchStdout } from './terminal/stdout.js'

/** Runs the command line `argv` (without node and script) and resolves to the exit code. Never rejects. */
export async function main(argv: readonly string[]): Promise<number> {
  const debug = argv.includes('--debug')
  const stdout = watchStdout(debug)
  let exitCode = 0
  try {
    exitCode = await dispatch(argv)
  } catch (error) {
    const isStopped = error instanceof SimdgresError && error.code === 'ERR_ABORTED'
    if (!(isStopped && stdout.isReaderGone())) exitCode = printError(error, debug)
  }
  return stdout.finish(exitCode)
}

async function dispatch(argv: readonly string[]): Promise<number> {
  const [first, ...rest] = argv
  if (first === undefined || first === '--help' || first === '-h' || first === 'help') {
    process.stdout.write(
      rest[0] === undefined ? renderHelp(commands) : renderCommandHelp(findCommand(rest[0])),
    )
    return 0
  }
  if (first === '--version' || first === '-V' || first === 'version') {
    process.stdout.write(`${await readVersion()}\n`)
    return 0
  }
  return runCommand(findCommand(first), rest)
}

async function runCommand(command: Command, args: readonly string[]): Promise<number> {
  const rows = [...command.options, ...sharedOptions]
  const parsed = parseOptions(args, rows, `simdgres ${command.name}`)
  if (readFlag(parsed.options, 'help')) {
    process.stdout.write(renderCommandHelp(command))
    return 0
  }
  const { signal, release } = watchInterrupts((message) => process.stderr.write(`\n${message}\n`))
  try {
    let exitCode = 0
    const endWith = (code: number): void => {
      exitCode = code
    }
    await command.run({ arguments: parsed, signal, endWith })
    return exitCode
  } finally {
    release()
  }
}

function findCommand(name: string): Command {
  const command = commands.find((row) => row.name === name)
  if (command !== undefined) return command
  const names = commands.map((row) => row.name)
  const nearest = findNearestName(name, names)
  throw new SimdgresError(
    'ERR_INVALID_ARGUMENT',
    `Unknown command ${name}`,
    nearest === undefined ? `The commands are: ${names.join(', ')}.` : `Did you mean ${nearest}?`,
  )
}

async function readVersion(): Promise<string> {
  const text = await readFile(`${packageRoot}/package.json`, 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
