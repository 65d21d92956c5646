import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type BenchResult, resultSchema } from '#src/result/schema.js'
import { Random } from '#src/stats/random.js'
import { runCli } from './run-cli.js'

/** One path's limit is its row's matter: the others are measured, and the code says that something is missing. */
async function measure(
  ...args: string[]
): Promise<{ code: number | null; stderr: string; result: BenchResult }> {
  const { code, stdout, stderr } = await runCli(['bench', '--target', 'local', '--json', '-', ...args])
  expect(stderr).not.toContain('defect')
  return { code, stderr, result: resultSchema.parse(JSON.parse(stdout)) }
}

const statusOf = ({ paths }: BenchResult) => Object.fromEntries(paths.map(({ id, status }) => [id, status]))
const reasonOf = ({ paths }: BenchResult, id: string) =>
  paths.flatMap((row) => (row.id === id && row.status !== 'ok' ? [row.reason] : []))

describe('bench on a private server', () => {
  it('leaves out the paths whose type does not hold so many dimensions', async () => {
    const paths = ['sql', 'pgvector-exact', 'extension-exact', 'addon-exact']
    const { code, stderr, result } = await measure(
      ...['--dataset', 'synthetic-60x16001', '--queries', '10', '--k', '3'],
      ...['--seconds', '0.5', '--paths', paths.join()],
    )
    expect(code).toBe(7)
    expect(stderr).toContain('could be measured: pgvector-exact, extension-exact\n')
    expect(statusOf(result)).toEqual({
      sql: 'ok',
      'pgvector-exact': 'unavailable',
      'extension-exact': 'unavailable',
      'addon-exact': 'ok',
    })
    for (const id of paths.slice(1, 3)) {
      expect(reasonOf(result, id)).toEqual([expect.stringContaining('at most 16,000 dimensions')])
    }
  })

  it('says what to raise where an index could not be built, and lifts the limits of idle sessions', async () => {
    const { code, result } = await measure(
      ...['--dataset', 'synthetic-2000x100', '--queries', '50', '--seconds', '3'],
      ...['--paths', 'null,pgvector-ivfflat,addon-exact', '--set', 'maintenance_work_mem=1MB'],
      // Shorter than the time that the server's sessions wait for their turns, or for the end.
      ...['--set', 'idle_session_timeout=1s'],
    )
    expect(code).toBe(7)
    expect(statusOf(result)).toEqual({ null: 'ok', 'pgvector-ivfflat': 'failed', 'addon-exact': 'ok' })
    const reason = /maintenance_work_mem is 1 MB.*Raise maintenance_work_mem/
    expect(reasonOf(result, 'pgvector-ivfflat')).toEqual([expect.stringMatching(reason)])
  })

  it('blames the range of float4, and not the kernels, where sums of the data do not fit', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'simdgres-large-'))
    const random = new Random(38)
    const values = Float32Array.from({ length: 500 * 16 }, () => random.bell() * 1e20)
    const path = join(folder, 'large.fbin')
    await writeFile(
      path,
      [Uint32Array.of(500, 16), values].map((part) => Buffer.from(part.buffer)),
    )
    const exact = ['pgvector-exact', 'extension-exact', 'sql', 'addon-exact']
    const { code, stderr, result } = await measure(
      ...['--dataset', path, '--queries', '50', '--k', '5', '--seconds', '0.5', '--paths', exact.join()],
    )
    await rm(folder, { recursive: true })
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /error: Exact paths missed neighbours, because of the range of these vectors: pgvector-exact/,
    )
    expect(stderr).toContain('next: It computes in float4, which overflows on this data')
    expect(stderr).not.toContain('SIMDGRES_ISA')
    for (const row of result.paths) {
      if (row.status !== 'ok') throw new Error(row.reason)
      const isFloat4 = /^(pgvector|extension)-/.test(row.id)
      expect([row.id, row.recall?.mean === 1]).toEqual([row.id, !isFloat4])
      if (isFloat4) expect(row.caveat).toMatch(/overflows .*Scale the vectors down/)
      else expect(row).not.toHaveProperty('caveat')
    }
  })
})
