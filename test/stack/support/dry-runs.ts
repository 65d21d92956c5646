import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, vi } from 'vitest'
import { commands } from '#src/cli/commands/list.js'
import { parseOptions } from '#src/cli/options/option-table.js'
import { oneOffLabel, projectLabel } from '#src/engine/labels.js'
import { SimdgresError } from '#src/errors.js'
import { readContents } from '#src/stack/restore/database.js'
import type { StackSandbox } from '../stack-sandbox.js'

/** A value for each option that takes one, by command where that matters. An option that is missing here fails the test. */
const values: Readonly<Record<string, string | Readonly<Record<string, string>>>> = {
  profile: 'cache',
  set: 'PGBOUNCER_POOL_SIZE=22',
  tuned: fileURLToPath(new URL('tuned.env', import.meta.url)),
  type: 'incr',
  keep: '1',
  export: join(tmpdir(), 'simdgres-never-written.tar'),
  into: 'beside',
  to: { restore: new Date().toISOString(), upgrade: '18' },
  method: 'dump',
  timeline: '1',
  repository: '1',
  'pause-limit': '1',
  'sync-limit': '1',
}

/** What a command needs beside its options. */
const positionals: Readonly<Record<string, readonly string[]>> = { rotate: ['password'] }

/** Say where the stack is, or how something is shown: no combination of their own. */
const constant = ['dir', 'project', 'dry-run', 'json']
/** Say how something is done, not what: together or not at all. */
const manners = [
  'timeline',
  'repository',
  'pause-limit',
  'sync-limit',
  'method',
  'type',
  'tuned',
  'rebuild',
  'export',
  'force',
  'yes',
]

/** Every command of a stack that promises to change nothing, by name. */
export const dryCommands = commands.filter(({ options }) =>
  ['dry-run', 'dir'].every((wanted) => options.some(({ name }) => name === wanted)),
)

/** Arguments of `name` in every combination of its options, all with --dry-run. */
export function listDryRuns(name: string): readonly (readonly string[])[] {
  const { options } = dryCommands.find((command) => command.name === name)!
  const argument = (option: (typeof options)[number]): readonly string[] => {
    if (option.value === undefined) return [`--${option.name}`]
    const value = values[option.name]
    const chosen = typeof value === 'object' ? value[name] : value
    if (chosen === undefined)
      throw new Error(`No value for --${option.name} of ${name}: add one to the table`)
    return [`--${option.name}`, chosen]
  }
  const free = options.filter((option) => !constant.includes(option.name))
  const groups = [
    ...free.filter((option) => !manners.includes(option.name)).map(argument),
    free.filter((option) => manners.includes(option.name)).flatMap(argument),
  ].filter((group) => group.length > 0)
  let all: readonly (readonly string[])[] = [['--dry-run', '--json', ...(positionals[name] ?? [])]]
  for (const group of groups) all = all.flatMap((args) => [args, [...args, ...group]])
  return all
}

/** Runs each in this process, and compares the stack before and after. */
export async function expectNothingChanges(sandbox: StackSandbox, name: string): Promise<void> {
  const command = dryCommands.find((row) => row.name === name)!
  const before = await describeStack(sandbox)
  const output = vi.spyOn(process.stdout, 'write').mockImplementation(() => true)
  try {
    for (const args of listDryRuns(name)) {
      const place = ['--dir', sandbox.folder, '--project', sandbox.project, '--quiet']
      const rows = [...command.options, { name: 'quiet', summary: '' }]
      const signal = new AbortController().signal
      const run = command.run({
        arguments: parseOptions([...args, ...place], rows, name),
        signal,
        endWith: () => undefined,
      })
      // A combination may be refused. Anything but a SimdgresError is a change that was stopped at the last moment.
      const refusal = await run.then(
        () => undefined,
        (error: unknown) => error,
      )
      if (refusal !== undefined) expect(refusal, `${name} ${args.join(' ')}`).toBeInstanceOf(SimdgresError)
      expect(await describeSurface(sandbox), `${name} ${args.join(' ')}`).toEqual(before.surface)
    }
  } finally {
    output.mockRestore()
  }
  expect(await describeStack(sandbox), name).toEqual(before)
}

async function describeStack(sandbox: StackSandbox) {
  const stack = await sandbox.open()
  const contents = { ...(await readContents(stack, stack.database)), takenAt: '' }
  const settings = await stack.query(
    `SELECT name, setting, source FROM pg_settings WHERE source NOT IN ('session', 'client') ORDER BY 1`,
  )
  const objects = await stack.query(
    `SELECT datname, datconnlimit::text FROM pg_database UNION ALL SELECT rolname, rolpassword FROM pg_authid
     UNION ALL SELECT slot_name, plugin FROM pg_replication_slots UNION ALL SELECT pubname, '' FROM pg_publication
     UNION ALL SELECT subname, subenabled::text FROM pg_subscription
     UNION ALL SELECT relname, relreplident::text FROM pg_class WHERE relkind = 'r' ORDER BY 1, 2`,
  )
  const backups = await stack.exec(stack.primary, ['sh', '-c', 'ls -A /backups /backups/logical'])
  return { surface: await describeSurface(sandbox), contents, settings, objects, backups: backups.stdout }
}

/** What shows from outside: containers and their state, volumes, files of the folder. */
async function describeSurface(sandbox: StackSandbox) {
  const stack = await sandbox.open()
  const filters = { label: [`${projectLabel}=${stack.name}`] }
  const containers = (await stack.engine.listContainers({ all: true, filters }))
    .filter(({ Labels }) => Labels[oneOffLabel] !== 'True')
    .map(({ Names, Id, State }) => `${Names[0]} ${Id} ${State}`)
    .sort()
  return { containers, volumes: await stack.listVolumes(), files: await hashFiles(sandbox.folder) }
}

async function hashFiles(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
  return Promise.all(
    files.sort().map(async (file) => {
      const hash = createHash('sha256')
        .update(await readFile(file))
        .digest('hex')
      return `${file} ${hash}`
    }),
  )
}
