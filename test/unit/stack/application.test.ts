import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  type Application,
  anchorApplication,
  exampleFolder,
  findApplicationFolder,
  readApplication,
} from '#src/stack/application/folder.js'
import { requireApplicable, reviewMigrations } from '#src/stack/application/migrations.js'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'simdgres-application-'))
})
afterEach(() => rm(folder, { recursive: true }))

async function write(files: Readonly<Record<string, string | Buffer>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content)
}

async function read(): Promise<Application> {
  return (await readApplication({ STACK_MIGRATIONS: folder }, '/stack'))!
}

const names = (migrations: readonly { readonly name: string }[]): string[] =>
  migrations.map(({ name }) => name)

describe('STACK_MIGRATIONS', () => {
  test("is the example's folder by default, another one, or none", () => {
    expect(findApplicationFolder({}, '/stack')).toBe(exampleFolder)
    expect(findApplicationFolder({ STACK_MIGRATIONS: '' }, '/stack')).toBe(exampleFolder)
    expect(findApplicationFolder({ STACK_MIGRATIONS: '/app/sql' }, '/stack')).toBe('/app/sql')
    expect(findApplicationFolder({ STACK_MIGRATIONS: 'none' }, '/stack')).toBeUndefined()
  })

  test('is relative to the folder of the stack, and as an argument to the folder of the caller', () => {
    expect(findApplicationFolder({ STACK_MIGRATIONS: '../sql' }, '/srv/stack')).toBe('/srv/sql')
    expect(anchorApplication({ STACK_MIGRATIONS: 'sql', STACK_PORT: '1' })).toEqual({
      STACK_MIGRATIONS: join(process.cwd(), 'sql'),
      STACK_PORT: '1',
    })
    for (const value of ['none', '', '/app/sql']) {
      expect(anchorApplication({ STACK_MIGRATIONS: value })).toEqual({ STACK_MIGRATIONS: value })
    }
  })

  test('names a folder that is there', async () => {
    await expect(readApplication({ STACK_MIGRATIONS: 'nowhere' }, folder)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringContaining(join(folder, 'nowhere')) as string,
    })
  })
})

describe("an application's folder", () => {
  test('gives its migrations by number, and the two files with meanings of their own', async () => {
    await write({
      '010-c.sql': '',
      '1000-d.sql': '',
      '002-b.sql': '',
      '001-a.sql': '',
      'upkeep.sql': '',
      'check.sql': '',
      'README.md': '',
      '._001-a.sql': '',
    })
    await mkdir(join(folder, '003-folder.sql'))
    const { migrations, upkeep, check } = await read()
    expect(names(migrations)).toEqual(['001-a', '002-b', '010-c', '1000-d'])
    expect([upkeep?.path, check?.path]).toEqual([join(folder, 'upkeep.sql'), join(folder, 'check.sql')])
  })

  test('may be empty', async () => {
    expect(await read()).toEqual({ folder, migrations: [] })
  })

  test.each(['1-a.sql', 'a.sql', '001_a.sql', "001-a'b.sql", '001-A.SQL'])(
    'with %s in it is refused: the file would never be applied',
    async (name) => {
      await write({ '002-b.sql': '', [name]: '' })
      await expect(read()).rejects.toMatchObject({
        code: 'ERR_INVALID_ARGUMENT',
        message: expect.stringContaining(name) as string,
      })
    },
  )

  test('with two files of one number is refused', async () => {
    await write({ '001-a.sql': '', '0001-b.sql': '' })
    await expect(read()).rejects.toThrow(/001-b\.sql|001-a\.sql/)
  })

  test('has the same sums in a checkout with other line ends, and any bytes otherwise', async () => {
    await write({ '001-a.sql': 'SELECT 1;\nSELECT 2;\n', '002-b.sql': Buffer.from([0x27, 0xfc, 0x27, 0x3b]) })
    const [unix, latin] = (await read()).migrations
    expect([...latin!.content]).toEqual([0x27, 0xfc, 0x27, 0x3b])
    await write({ '001-a.sql': 'SELECT 1;\r\nSELECT 2;\r\n' })
    expect((await read()).migrations[0]!.sha256).toBe(unix!.sha256)
    await write({ '001-a.sql': 'SELECT 1;\nSELECT  2;\n' })
    expect((await read()).migrations[0]!.sha256).not.toBe(unix!.sha256)
  })

  test('with a file that cannot be read is an error, not an empty migration', async () => {
    await symlink(join(folder, 'gone'), join(folder, '001-a.sql'))
    await expect(read()).rejects.toMatchObject({ code: 'ERR_RESOURCE' })
  })
})

describe('the example', () => {
  test('has its first migration, an upkeep and a check', async () => {
    const { folder: found, migrations, upkeep, check } = (await readApplication({}, '/stack'))!
    expect(found).toBe(exampleFolder)
    expect(names(migrations)).toEqual(['001-enhanced-learning'])
    // Databases of earlier versions have the note of exactly this file.
    expect(migrations[0]!.sha256).toBe('b4b22a03ffbd0724ffadcc323ffcad3c5574c9a229a2a5bc54ae6c528e59a8b7')
    expect([upkeep, check]).not.toContain(undefined)
  })
})

describe('the review of migrations', () => {
  const review = async (applied: Readonly<Record<string, string>>) =>
    reviewMigrations(await read(), new Map(Object.entries(applied)))
  const sumOf = async (name: string): Promise<string> =>
    (await read()).migrations.find((migration) => migration.name === name)!.sha256

  beforeEach(() => write({ '001-a.sql': 'a', '002-b.sql': 'b', '003-c.sql': 'c' }))

  test('finds what a new database lacks, and what is new in a later folder', async () => {
    expect(names((await review({})).pending)).toEqual(['001-a', '002-b', '003-c'])
    const later = await review({ '001-a': await sumOf('001-a'), '002-b': await sumOf('002-b') })
    expect(names(later.pending)).toEqual(['003-c'])
    expect(() => requireApplicable(later)).not.toThrow()
  })

  test('refuses a file that was changed after it was applied, by name', async () => {
    const changed = await review({ '001-a': 'another sum' })
    expect(names(changed.changed)).toEqual(['001-a'])
    expect(() => requireApplicable(changed)).toThrow(`${join(folder, '001-a.sql')} was changed`)
  })

  test('refuses a new file whose number is below one that is applied', async () => {
    const late = await review({ '001-a': await sumOf('001-a'), '003-c': await sumOf('003-c') })
    expect(names(late.late)).toEqual(['002-b'])
    expect(late.pending).toEqual([])
    expect(() => requireApplicable(late)).toThrow(`${join(folder, '002-b.sql')} comes before`)
  })

  test('leaves what another application has applied out of the order', async () => {
    const { pending, late, unknown } = await review({ '004-other': 'sum' })
    expect(names(pending)).toEqual(['001-a', '002-b', '003-c'])
    expect([late, unknown]).toEqual([[], ['004-other']])
  })
})
