import { type FileHandle, open, readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { Progress } from '../progress.js'
import { cacheFolder } from '../system/cache-folder.js'
import { findStartTime } from '../system/process-start.js'

/** Nobody comes back for a run that was killed so long ago, and its data may be gone. */
const keptMs = 14 * 24 * 3600 * 1000

const headerSchema = z.object({
  schema: z.literal('simdgres.journal/1'),
  /** What the entries are true of: data, program, server. */
  identity: z.string(),
  owner: z.object({ pid: z.int(), startTime: z.string().optional() }),
})

/**
 * What a run has done so far, a JSON value a line, so that a run that is killed can go on. Lines are written as they come:
 * the kernel keeps them when the process dies.
 */
export class Journal {
  /** What was in it when it was opened, oldest first. */
  readonly entries: readonly unknown[]
  readonly #path: string
  readonly #file: FileHandle

  private constructor(path: string, file: FileHandle, entries: readonly unknown[]) {
    this.#path = path
    this.#file = file
    this.entries = entries
  }

  /**
   * The journal of the request `key`. Entries of another `identity` are dropped, with a note. Undefined while another
   * process has it open: two equal runs at once each go their own way.
   */
  static async open(key: string, identity: string, progress: Progress): Promise<Journal | undefined> {
    const folder = cacheFolder('journals')
    await removeOld(folder)
    const path = join(folder, `${key}.ndjson`)
    const [header, ...entries] = await readLines(path)
    const found = headerSchema.safeParse(header).data
    if (found !== undefined && isOwned(found.owner)) {
      progress.note('The same run is going on already: this one cannot be resumed if it is killed.')
      return undefined
    }
    const isSame = found?.identity === identity
    if (header !== undefined && !isSame) {
      progress.note(
        'What a killed run has measured is of other data or of another version: it is measured again.',
      )
    }
    const kept = isSame ? entries : []
    const file = await open(path, 'w', 0o600)
    const owner = { pid: process.pid, startTime: findStartTime(process.pid) }
    const lines = [{ schema: 'simdgres.journal/1', identity, owner }, ...kept]
    await file.write(lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
    return new Journal(path, file, kept)
  }

  async append(entry: object): Promise<void> {
    await this.#file.write(`${JSON.stringify(entry)}\n`)
  }

  /** For the end of the run, when there is nothing to go on with. */
  async remove(): Promise<void> {
    await this.#file.close()
    await rm(this.#path, { force: true })
  }
}

/** All whole lines: the last one may have been cut off with its writer. Empty without a file. */
async function readLines(path: string): Promise<unknown[]> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  const lines = text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .slice(0, -1)
  try {
    return lines.map((line) => JSON.parse(line) as unknown)
  } catch {
    // Not one of ours: the run begins anew.
    return []
  }
}

function isOwned({ pid, startTime }: z.infer<typeof headerSchema>['owner']): boolean {
  return pid !== process.pid && startTime !== undefined && findStartTime(pid) === startTime
}

async function removeOld(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name)
    const { mtimeMs } = await stat(path)
    if (Date.now() - mtimeMs > keptMs) await rm(path, { force: true })
  }
}
