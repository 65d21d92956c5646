import { describe, expect, it } from 'vitest'
import { findBenchNeeds } from '#src/cli/commands/bench/needs.js'

const withEngine = (args: string) => findBenchNeeds(args.split(' ').filter(Boolean), async () => true)
const withoutEngine = (args: string) => findBenchNeeds(args.split(' ').filter(Boolean), async () => false)

const nothing = { addon: false, server: false }
const addonOnly = { addon: true, server: false }
const addonAndServer = { addon: true, server: true }

describe('what setup has to make before bench', () => {
  it.each([
    ['', addonAndServer],
    ['--target local --paths null', addonAndServer],
    ['--target=local', addonAndServer],
    ['--target docker', addonOnly],
    ['--url postgres://me@db.example/test', addonOnly],
    ['--target url --url postgres://me@db.example/test', addonOnly],
    ['--url postgres://me@db.example/test --table items', addonOnly],
    ['--table items', nothing],
    ['--paths addon-exact,addon-batch', addonOnly],
    ['--paths addon-exact,extension-index', addonAndServer],
    ['--help', nothing],
    ['--dry-run', nothing],
  ])('without an engine: bench %s', async (args, needs) => {
    expect(await withoutEngine(args)).toEqual(needs)
  })

  it('is no server where an engine answers, unless it was asked for', async () => {
    expect(await withEngine('')).toEqual(addonOnly)
    expect(await withEngine('--target local')).toEqual(addonAndServer)
  })

  it.each([
    '--profile quik',
    '--profil quick',
    '--dataset glove-50',
    '--paths pgvector',
    '--set jit=on',
    '--target local --url postgres://me@db.example/test',
    '--target lokal',
    'quick',
  ])('is nothing where the arguments are refused: bench %s', async (args) => {
    expect(await withoutEngine(args)).toEqual(nothing)
  })
})
