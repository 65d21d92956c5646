import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { cacheFolder } from '#src/system/cache-folder.js'
import type { RunningCli } from '../run-cli.js'

/** A line of a journal: a turn of a lane, or a stage of a gate that is over. */
export interface Entry {
  /** Name of its file. */
  readonly journal: string
  readonly lane?: string
  readonly turn?: { readonly round: number; readonly times: number[] }
  readonly stage?: number
  readonly outcome?: { readonly rows: readonly { readonly subject: string; readonly time: unknown }[] }
}

/** What the process has written into its journals, but for their first lines. */
export async function readJournals(pid: number): Promise<Entry[]> {
  const folder = cacheFolder('journals')
  const entries: Entry[] = []
  for (const name of await readdir(folder)) {
    const text = await readFile(join(folder, name), 'utf8').catch(() => '')
    if (!text.includes(`"pid":${pid},`)) continue
    const lines = text.split('\n').slice(1, -1)
    entries.push(...lines.map((line): Entry => ({ ...JSON.parse(line), journal: name })))
  }
  return entries
}

/** What is in the journals of `cli` once `isEnough` says so. */
export async function waitForEntries(
  cli: RunningCli,
  isEnough: (entries: readonly Entry[]) => boolean,
): Promise<Entry[]> {
  for (let attempt = 0; attempt < 4800; attempt++) {
    const entries = await readJournals(cli.process.pid!)
    if (isEnough(entries)) return entries
    expect(cli.process.exitCode).toBeNull()
    await sleep(50)
  }
  throw new Error('The run did not get so far')
}

/** The turns in the journals of `cli`, once `rounds` rounds of all rows are over. */
export async function waitForRounds(cli: RunningCli, rounds: number): Promise<Entry[]> {
  const turnsOf = (entries: readonly Entry[]) => entries.filter(({ turn }) => turn !== undefined)
  const entries = await waitForEntries(cli, (all) => turnsOf(all).some(({ turn }) => turn!.round >= rounds))
  return turnsOf(entries)
}
