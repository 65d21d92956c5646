import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { SimdgresError } from '../../errors.js'
import { type CommandOptions, runCommand } from '../../system/command.js'
import type { TargetOptions } from '../target.js'
import { configurePrivateApt } from './apt.js'
import type { Installation } from './installation.js'

/** Debian's first release with a pgvector package; its source builds for every supported major version. */
const suite = 'trixie'

export type BuildContext = Pick<TargetOptions, 'progress' | 'signal'>

/**
 * Builds pgvector for `installation` into `folder`, laid out like the file system's root (a DESTDIR). For servers
 * whose distribution has no pgvector package. `folder` appears complete or not at all.
 */
export async function buildPgvector(
  installation: Installation,
  folder: string,
  context: BuildContext,
): Promise<void> {
  if (existsSync(folder)) return
  const work = await mkdtemp(`${folder}.part-`)
  try {
    context.progress.note('Fetching the source package of pgvector')
    const source = await fetchSource(work, context)
    context.progress.note(`Building pgvector for PostgreSQL ${installation.version}`)
    const variables = [
      `PG_CONFIG=${installation.pgConfig}`,
      // Portable code, as pgvector's own image is built: -march=native would compare another program.
      'OPTFLAGS=',
      // The bitcode for JIT inlining would need the very clang the server was built with.
      'with_llvm=no',
    ]
    const options: CommandOptions = {
      purpose: 'Building pgvector',
      hint: 'Run `node scripts/setup.mjs local`, which installs the compiler and the server headers.',
      signal: context.signal,
      cwd: source,
    }
    const installed = join(work, 'installed')
    await runCommand('make', [`-j${availableParallelism()}`, ...variables], options)
    await runCommand('make', ['install', `DESTDIR=${installed}`, ...variables], options)
    await rename(installed, folder)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** Downloads and unpacks the source; resolves with its folder. apt checks it against the archive's signed index. */
async function fetchSource(work: string, context: BuildContext): Promise<string> {
  const apt = await configurePrivateApt(work, suite)
  const options: CommandOptions = {
    purpose: 'Fetching the source package of pgvector',
    hint: 'Check the network, or install pgvector for this PostgreSQL yourself and run again.',
    signal: context.signal,
    cwd: work,
  }
  await runCommand('apt-get', [...apt, 'update'], options)
  await runCommand('apt-get', [...apt, 'source', '--download-only', 'pgvector'], options)
  const archive = (await readdir(work)).find((name) => name.endsWith('.orig.tar.gz'))
  if (!archive) {
    throw new SimdgresError(
      'ERR_CORRUPT_DATA',
      'The source package of pgvector holds no tar file',
      options.hint,
    )
  }
  const source = join(work, 'source')
  await mkdir(source)
  await runCommand('tar', ['-xzf', archive, '--strip-components=1', '-C', source], options)
  return source
}
