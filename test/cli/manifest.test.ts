import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { runCli } from './run-cli.js'

const ofExtension = ['manifest', 'cnpg', '--extension-image', 'team/simdgres:18']
const ofOperand = ['manifest', 'cnpg', '--postgres', '17', '--image', 'team/postgresql:17-1']

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'simdgres-manifest-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const kindsOf = (text: string): string[] =>
  parseAllDocuments(text).map((document) => (document.toJS() as { kind: string }).kind)

describe('manifest cnpg', () => {
  test('prints the cluster and what belongs to it, sized for the rows', async () => {
    const { code, stdout, stderr } = await runCli([...ofExtension, '--rows', '5e6', '--dims', '768'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(kindsOf(stdout)).toEqual([
      'Cluster',
      'Database',
      'Pooler',
      'Pooler',
      'ScheduledBackup',
      'PodMonitor',
      'PodMonitor',
      'PodMonitor',
    ])
    expect(stdout).toContain(
      '# Estimate for 5,000,000 rows of 768 dimensions: table 19.1 GiB, index 4.5 GiB.',
    )
    expect(stdout).toContain('memory: 7Gi')
    expect(stdout).toContain('size: 55Gi')
  })

  test('writes a file, whole, over one that was there', async () => {
    const output = join(folder, 'cluster.yaml')
    writeFileSync(output, 'old')
    const sizes = ['--memory', '512Mi', '--cpus', '0.5', '--storage', '10Gi', '--instances', '1']
    const { code, stdout } = await runCli([...ofOperand, ...sizes, '--schedule', 'none', '--output', output])
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
    const text = readFileSync(output, 'utf8')
    expect(kindsOf(text)).toEqual(['Cluster', 'Database', 'Pooler', 'PodMonitor', 'PodMonitor'])
    expect(text).toContain('memory: 512Mi')
    expect(readdirSync(folder)).toEqual(['cluster.yaml'])
  })

  test('keeps the log of a cluster that takes no backups by a schedule', async () => {
    const { stdout } = await runCli([...ofExtension, '--object-store', 'store', '--schedule', 'none'])
    expect(stdout).toContain('isWALArchiver: true')
    expect(kindsOf(stdout)).not.toContain('ScheduledBackup')
  })

  test.each([
    ['no image', ['manifest', 'cnpg'], 'Give --extension-image, or --image'],
    ['no kind', ['manifest'], 'cnpg'],
    ['a version without image volumes', [...ofExtension, '--postgres', '17'], 'Use --postgres 18'],
    ['rows without dimensions', [...ofExtension, '--rows', '10'], 'Give --rows and --dims, or neither.'],
    ['too little memory', [...ofExtension, '--memory', '32Mi'], '64 MB or more'],
    ['a size without sense', [...ofExtension, '--storage', '10 apples'], '--storage'],
    ['a name', [...ofExtension, '--name', 'My_Cluster'], '--name'],
    ['a database of the server', [...ofExtension, '--database', 'postgres'], '--database'],
    ['a schedule', [...ofExtension, '--schedule', '0 2 * * *'], 'six fields'],
    [
      'snapshots of a server that is alone',
      [...ofExtension, '--instances', '1'],
      'stops a server that is alone',
    ],
    ['an owner of the server', [...ofExtension, '--owner', 'pg_monitor'], '--owner'],
    ['two places', [...ofExtension, '--object-store', 's', '--snapshot-class', 'c'], 'Give one of the two.'],
  ])('says what is wrong with %s, and writes nothing', async (_title, args, text) => {
    const output = join(folder, 'refused.yaml')
    const { code, stdout, stderr } = await runCli([...args, '--output', output])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain(text)
    expect(existsSync(output)).toBe(false)
  })
})
