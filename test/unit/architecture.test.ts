import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Rows `| src/name/ | what | uses |` of the page's table. */
const allowed = new Map(
  [
    ...readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8').matchAll(/^\| `src\/(\w+)\/` \|.*\| (.*) \|$/gm),
  ].map(([, name, uses]) => [name!, uses!]),
)

const folders = readdirSync(join(root, 'src'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)

/** Imports from other folders of src: static ones, those of types alone, and on demand. */
function* readImports(folder: string): Generator<{ file: string; target: string; isType: boolean }> {
  for (const name of readdirSync(join(root, 'src', folder), { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts')) continue
    const text = readFileSync(join(root, 'src', folder, name), 'utf8')
    const found = text.matchAll(/(import type [^'"]*?from |from |import\()'(?:\.\.\/)+(\w+)\/[^']+'/g)
    for (const [, how, target] of found) {
      if (!folders.includes(target!) || target === folder) continue
      yield { file: `${folder}/${name}`, target: target!, isType: how!.startsWith('import type') }
    }
  }
}

test('every folder of src is in the table', () => {
  expect([...allowed.keys()].sort()).toEqual(folders.sort())
})

test.each(folders)('src/%s imports what the table says, and no less', (folder) => {
  const text = allowed.get(folder)!
  if (text === 'everything') return
  const uses = new Map<string, boolean>()
  for (const { target, isType } of readImports(folder))
    uses.set(target, uses.get(target) === false ? false : isType)
  const found = [...uses].map(([target, isType]) => (isType ? `${target} (types)` : target))
  const listed = text.split(', ').map((use) => use.trim())
  const others = listed.filter((use) => folders.includes(use.replace(' (types)', '')))
  // A folder that may be used may be used for its types alone.
  const missing = found.filter(
    (use) => !others.includes(use) && !others.includes(use.replace(' (types)', '')),
  )
  expect(missing).toEqual([])
  const names = found.map((use) => use.replace(' (types)', ''))
  expect(others.filter((use) => !names.includes(use.replace(' (types)', '')))).toEqual([])
})
