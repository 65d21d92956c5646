// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the variables of compose files are written like that
import { expect, test } from 'vitest'
import { interpolate } from '#src/config/interpolation.js'

const environment = { FULL: 'value', EMPTY: '', OTHER: 'other' }
const run = (text: string): string => interpolate(text, environment, 'file:1')

// Rows of the Compose specification's table of interpolation.
test.each([
  ['plain', 'plain'],
  ['$FULL and ${FULL}', 'value and value'],
  ['$$FULL $${FULL} $$', '$FULL ${FULL} $'],
  ['[${MISSING}]', '[]'],
  ['${MISSING:-default}', 'default'],
  ['${EMPTY:-default}', 'default'],
  ['${EMPTY-default}', ''],
  ['${MISSING-default}', 'default'],
  ['${FULL:-default}', 'value'],
  ['${FULL:+there}', 'there'],
  ['[${EMPTY:+there}]', '[]'],
  ['${EMPTY+there}', 'there'],
  ['[${MISSING+there}]', '[]'],
  ['${FULL:?message}', 'value'],
  ['[${EMPTY?message}]', '[]'],
  ['${MISSING:-${OTHER}}', 'other'],
  ['a:${MISSING:-b:${NOT_THERE:-c}}', 'a:b:c'],
  ['${MISSING:-}', ''],
])('%s becomes %s', (text, expected) => {
  expect(run(text)).toBe(expected)
})

test.each([
  ['${MISSING:?set it first}', 'MISSING, which is not set: set it first'],
  ['${EMPTY:?set it first}', 'EMPTY, which is not set: set it first'],
  ['${MISSING?needs $OTHER}', 'needs other'],
  ['${FULL', 'cannot be read'],
  ['${}', 'cannot be read'],
  ['${1X}', 'cannot be read'],
  ['${FULL!x}', 'cannot be read'],
  ['$(date)', 'cannot be read'],
])('%s is an error with the place', (text, message) => {
  expect(() => run(text)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
  expect(() => run(text)).toThrow(message)
  expect(() => run(text)).toThrow('file:1')
})
