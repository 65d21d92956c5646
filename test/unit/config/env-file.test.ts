// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the variables of compose files are written like that
import { expect, test } from 'vitest'
import { loadEnvFile, parseEnvFile } from '#src/config/env-file.js'

const parse = (text: string, shell = {}): Record<string, string> => parseEnvFile(text, '.env', shell)

test('reads names, comments, quotes and exports', () => {
  const text = [
    '# comment',
    '',
    'PLAIN=a b  # comment',
    'HASH=a#b',
    'export EXPORTED=yes',
    "SINGLE='literal $PLAIN # kept'",
    'DOUBLE="line\\nnext ${PLAIN} \\$PLAIN" # comment',
    'EMPTY=',
    'SPACED = value ',
  ].join('\r\n')
  expect(parse(text)).toEqual({
    PLAIN: 'a b',
    HASH: 'a#b',
    EXPORTED: 'yes',
    SINGLE: 'literal $PLAIN # kept',
    DOUBLE: 'line\nnext a b $PLAIN',
    EMPTY: '',
    SPACED: 'value',
  })
})

test('takes variables from the lines above, and from the shell first', () => {
  expect(parse('A=file\nB=${A}-b')).toEqual({ A: 'file', B: 'file-b' })
  expect(parse('A=file\nB=${A}-b', { A: 'shell' })).toEqual({ A: 'file', B: 'shell-b' })
})

test.each([
  ['GOOD=1\nno equals sign', '.env:2'],
  ['A="open', 'closing'],
  ['A=${B:?needed}', '.env:1'],
])('%j is an error that names the line', (text, message) => {
  expect(() => parse(text)).toThrow(message)
})

test('a file that is not there holds nothing', () => {
  expect(loadEnvFile('/no/such/folder/.env', {})).toEqual({})
})
