import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { searchPathEnvironment, withSearchPath } from '#src/stack/server/dump-search-path.js'

const emptying = "SELECT pg_catalog.set_config('search_path', '', false);"

test('the search_path of a dump is replaced at its beginning and after each connection, and in nobody’s data', () => {
  const dump = ['--', emptying, 'CREATE DATABASE a;', '\\connect a', emptying, '\\connect a', '', emptying]
  const data = ['COPY t FROM stdin;', emptying, '\\\\connect ', emptying, '\\.']
  const input = [...dump, ...data].join('\n')
  const [program = '', ...args] = withSearchPath(['cat'])
  const output = execFileSync(program, args, { input, encoding: 'utf8' }).split('\n')
  expect(output.slice(0, dump.length).filter((line) => line === emptying)).toEqual([])
  expect(output.filter((line) => line.trim() === 'RESET search_path;')).toHaveLength(3)
  expect(output.slice(dump.length)).toEqual(data)
})

test('libpq gets a path with spaces as one option', () => {
  expect(searchPathEnvironment('app, "My schema"')).toEqual({
    PGOPTIONS: '-c search_path=app,\\ "My\\ schema"',
  })
})
