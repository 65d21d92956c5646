import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

const root = join(import.meta.dirname, '../../..')
const text = readFileSync(join(root, 'docs/container-guide.md'), 'utf8')
/** What comes after this heading is no claim. */
const [claims = ''] = text.split('\n## Exceptions\n')

const rows = claims
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| The guide |') && !line.startsWith('| --- |'))
  .map((line) => line.slice(2, -2).split(' | '))

/** Titles of the tests of a file, as they are written there. */
function readTitles(file: string): Set<string> {
  const source = readFileSync(join(root, file), 'utf8')
  const titles = source.matchAll(/(?:^ *test\(|^ *test\.each\([^`]*?\)\()\s*(['"`])(.*?)(?<!\\)\1/gms)
  return new Set([...titles].map(([, , title]) => title!.replaceAll('\\', '')))
}

describe('the table of the containerisation guide', () => {
  test('has a row for every section, and three columns in each', () => {
    expect(rows.length).toBeGreaterThan(60)
    expect(rows.filter((row) => row.length !== 3)).toEqual([])
    const sections = [...claims.matchAll(/^## (\d+) /gm)].map(([, number]) => Number(number))
    expect(sections).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  })

  test.each(rows)('"%s" is proved by a test that exists', (_statement, _answer, proofs = '') => {
    for (const proof of proofs.split('<br>')) {
      const [, file = '', title = ''] = /^`(test\/[\w/-]+\.test\.ts)` › (.+)$/.exec(proof) ?? []
      expect(file, proof).not.toBe('')
      expect([...readTitles(file)], file).toContain(title)
    }
  })
})
