import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { findBreaches, readImports, readTree } from '../../scripts/import-rules.mjs'

const source = fileURLToPath(new URL('../../src', import.meta.url))

test('no import of src/ breaks a rule', () => {
  expect(findBreaches(readTree(source))).toEqual([])
})

describe('an import against the rules is found', () => {
  test.each([
    ['from further down', { 'stats/a.ts': ['errors.ts'] }, 'stats imports nothing of ours'],
    ['against the order', { 'engine/a.ts': ['targets/docker/b.ts'] }, 'engine stands above targets/docker'],
    [
      'between sub-folders against the order',
      { 'stack/services/a.ts': ['stack/move/b.ts'] },
      'stack/services stands above stack/move',
    ],
    [
      'between neighbours',
      { 'stack/upgrade/a.ts': ['stack/restore/b.ts'] },
      'stack/upgrade and stack/restore never import each other',
    ],
    [
      'past a face',
      { 'stack/index.ts': [], 'cli/commands/a.ts': ['stack/move/b.ts'] },
      'stack is entered by its index.ts alone',
    ],
    [
      'in a circle',
      { 'paths/a.ts': ['paths/b.ts'], 'paths/b.ts': ['paths/a.ts'] },
      'circle: paths/a.ts -> paths/b.ts -> paths/a.ts',
    ],
    ['of a package with an owner', { 'stack/down.ts': ['dockerode'] }, 'engine alone does'],
    ['in a room that no rule knows', { 'utils/a.ts': [] }, 'utils/a.ts is in no room'],
  ])('%s', (_how, imports, breach) => {
    const found = findBreaches(new Map(Object.entries(imports)))
    expect(found).toEqual([expect.stringContaining(breach)])
  })
})

test('all forms of imports are read', () => {
  const text = `import { a } from './a.js'\nimport type { B } from '../b.js'\nexport * from './c.js'\nimport './d.js'\nconst e = await import('./e.js')\nimport fs from 'node:fs'`
  expect(readImports(text)).toEqual(['./a.js', '../b.js', './c.js', './d.js', './e.js'])
})

test('no folder of the stack has more than 16 files beside its index, and its face at most 20 exports', () => {
  const counts = new Map<string, number>()
  for (const file of readTree(source).keys()) {
    if (!file.startsWith('stack/') || file.endsWith('/index.ts')) continue
    counts.set(dirname(file), (counts.get(dirname(file)) ?? 0) + 1)
  }
  expect([...counts].filter(([, files]) => files > 16)).toEqual([])
  const face = readFileSync(join(source, 'stack/index.ts'), 'utf8')
  const names = [...face.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].flatMap(([, list]) => list!.split(','))
  const namespaces = face.match(/^export \* as /gm) ?? []
  const exported = namespaces.length + names.filter((name) => name.trim() !== '').length
  expect(exported).toBeGreaterThan(0)
  expect(exported).toBeLessThanOrEqual(20)
  expect(face).not.toMatch(/^export \* from/m)
})
