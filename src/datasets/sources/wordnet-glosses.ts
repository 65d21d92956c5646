import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SimdgresError } from '../../errors.js'
import { toStorageError } from '../../system/storage-error.js'

/** Files of the database in the order of the data set's rows. */
const files = ['data.noun', 'data.verb', 'data.adj', 'data.adv'] as const

/**
 * The text of every synset (a set of words with one meaning) in the folder of a WordNet database, in the order of the
 * files: "breathe, take a breath, respire, suspire: draw air into, and expel out of, the lungs; ...".
 * Rejects with ERR_CORRUPT_DATA if a line is not in the expected form.
 */
export async function readGlosses(folder: string): Promise<string[]> {
  const texts: string[] = []
  for (const file of files) {
    const path = join(folder, file)
    let content: string
    try {
      content = await readFile(path, 'latin1')
    } catch (error) {
      throw toStorageError(error, `reading ${path}`)
    }
    for (const [index, line] of content.split('\n').entries()) {
      // The licence at the top of every file is indented by two blanks.
      if (line === '' || line.startsWith('  ')) continue
      const text = parseSynset(line)
      if (text === undefined) throw unexpected(path, index + 1)
      texts.push(text)
    }
  }
  return texts
}

/**
 * Words and gloss of a line as wndb(5WN) describes it: `offset file type count word id [word id ...] ... | gloss`, with
 * the count in hexadecimal and `_` for blanks. The marker of an adjective's position, as in "dead-on(a)", is kept.
 * Undefined if the line is anything else.
 */
export function parseSynset(line: string): string | undefined {
  const bar = line.indexOf(' | ')
  const [offset, , type, count, ...fields] = line.slice(0, Math.max(bar, 0)).split(' ')
  if (!/^\d{8}$/.test(offset ?? '') || !/^[nvasr]$/.test(type ?? '') || !/^[\da-f]{2}$/.test(count ?? '')) {
    return undefined
  }
  const words = Array.from({ length: Number.parseInt(count!, 16) }, (_, index) => fields[2 * index])
  if (words.length === 0 || words.includes(undefined)) return undefined
  return `${words.map((word) => word!.replaceAll('_', ' ')).join(', ')}: ${line.slice(bar + 3).trim()}`
}

function unexpected(path: string, line: number): SimdgresError {
  return new SimdgresError(
    'ERR_CORRUPT_DATA',
    `Line ${line} of ${path} is not in the expected form`,
    'Report it: the package is the pinned one, so its reader is wrong.',
  )
}
