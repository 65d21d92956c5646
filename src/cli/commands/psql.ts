import type { Command, CommandContext } from '../options/command.js'
import { readFlag, readText } from '../options/option-table.js'
import { readStackOptions, stackExits, stackOptions } from './stack/options.js'

export const psql: Command = {
  name: 'psql',
  positionals: '[-- PSQL-ARGUMENT...]',
  summary: 'open psql, through the pool as an application or as the superuser',
  description:
    'Runs psql in the server’s container, so that none is needed here. What follows -- goes to psql; statements ' +
    'may come by standard input. Ends with the exit code of psql.',
  examples: ['simdgres psql', 'simdgres psql --superuser', 'simdgres psql -- --command "SELECT version()"'],
  options: [
    ...stackOptions,
    { name: 'superuser', summary: 'as the bootstrap superuser, past the pool, inside the container' },
    { name: 'database', value: 'NAME', summary: 'database to work in', fallback: 'POSTGRES_DB' },
  ],
  // https://www.postgresql.org/docs/current/app-psql.html#R2-APP-PSQL-4, "Exit Status"
  exits: [
    [0, 'psql ended normally'],
    [1, 'psql met a fatal error of its own'],
    [2, 'psql lost its connection'],
    [3, 'a statement failed in psql and ON_ERROR_STOP is set'],
    ...stackExits,
  ],
  run,
}

async function run({ arguments: { options, positionals }, signal, endWith }: CommandContext): Promise<void> {
  const { openStack, psqlCommand } = await import('../../stack/index.js')
  const stack = await openStack(readStackOptions(options, signal))
  const argv = psqlCommand(stack, {
    asSuperuser: readFlag(options, 'superuser'),
    database: readText(options, 'database'),
    args: positionals,
  })
  if (process.stdin.isTTY && process.stdout.isTTY) {
    const { runOnTerminal } = await import('../../engine/terminal.js')
    const container = await stack.container(stack.primary)
    endWith(await runOnTerminal(container, argv, process.stdin, process.stdout))
    return
  }
  const { exitCode, stderr, stdout } = await stack.exec(stack.primary, argv, {
    // Reading from a terminal would wait for somebody to type.
    ...(!process.stdin.isTTY && { stdin: process.stdin }),
  })
  process.stdout.write(stdout)
  process.stderr.write(stderr)
  endWith(exitCode)
}
