import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseSynset, readGlosses } from '#src/datasets/sources/wordnet-glosses.js'
import { tempFolder } from './temp-folder.js'

const licence =
  '  1 This software and database is being provided to you, the LICENSEE, by  \n  2  | a bar  \n'
const noun =
  '00002137 03 n 02 abstraction 0 abstract_entity 0 003 @ 00001740 n 0000 + 00694095 v 0101 ~ 00023280 n 0000 | a general concept formed by extracting common features from specific examples  '
const verb =
  '00001740 29 v 04 breathe 0 take_a_breath 0 respire 0 suspire 3 001 * 00005041 v 0000 02 + 02 00 + 08 00 | draw air into, and expel out of, the lungs; "I can breathe better when the air is clean"  '
const adjective = '00014203 00 s 01 dead-on(a) 0 001 & 00013887 a 0000 | accurate and to the point  '
const adverb =
  '00001740 02 r 01 a_cappella 0 000 | without musical accompaniment; "they performed a cappella | alone"  '

test('words and gloss, as the text of a row', () => {
  expect([noun, verb, adjective, adverb].map(parseSynset)).toEqual([
    'abstraction, abstract entity: a general concept formed by extracting common features from specific examples',
    'breathe, take a breath, respire, suspire: draw air into, and expel out of, the lungs; "I can breathe better when the air is clean"',
    'dead-on(a): accurate and to the point',
    'a cappella: without musical accompaniment; "they performed a cappella | alone"',
  ])
})

test('the count of words is hexadecimal', () => {
  const words = Array.from({ length: 17 }, (_, index) => `w${index} 0`)
  const text = parseSynset(`00000001 03 n 11 ${words.join(' ')} 000 | many  `)
  expect(text).toBe(`${Array.from({ length: 17 }, (_, index) => `w${index}`).join(', ')}: many`)
})

test.each([
  ['no gloss', noun.slice(0, noun.indexOf('|'))],
  ['no words', '00000001 03 n 00 000 | none'],
  ['fewer words than it says', '00000001 03 n 05 one 0 | few'],
  ['another type', noun.replace(' n ', ' x ')],
  ['no offset', noun.slice(4)],
  ['something else', 'hello'],
])('%s is not a synset', (_what, line) => {
  expect(parseSynset(line)).toBeUndefined()
})

test('rows are those of nouns, verbs, adjectives and adverbs, without the licence', async () => {
  const folder = tempFolder()
  const write = (name: string, ...lines: string[]) =>
    writeFileSync(join(folder, name), `${licence}${lines.join('\n')}\n`)
  write('data.adv', adverb)
  write('data.verb', verb)
  write('data.noun', noun, noun)
  write('data.adj', adjective)
  const firstWords = (await readGlosses(folder)).map((text) => text.split(/[,:]/)[0])
  expect(firstWords).toEqual(['abstraction', 'abstraction', 'breathe', 'dead-on(a)', 'a cappella'])

  write('data.adj', adjective, 'hello')
  await expect(readGlosses(folder)).rejects.toMatchObject({
    code: 'ERR_CORRUPT_DATA',
    message: `Line 4 of ${join(folder, 'data.adj')} is not in the expected form`,
  })
})
