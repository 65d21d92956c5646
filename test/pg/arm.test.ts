import { expect, it } from 'vitest'
import { loadDataset } from '#src/datasets/catalogue.js'
import { PreparedArm } from '#src/measure/arm.js'
import { silent } from '#src/progress.js'
import { LocalTarget } from '#src/targets/local/local-target.js'

it('an arm is searched again after a restart with other settings, on the same data', async () => {
  const { signal } = new AbortController()
  const dataset = await loadDataset('synthetic-2000x16', { queries: 20 })
  const arm = await PreparedArm.prepare(
    {
      name: 'base',
      target: new LocalTarget({ progress: silent, signal }),
      settings: { parameters: { shared_buffers: '64MB' } },
      paths: [{ id: 'pgvector-hnsw' }],
      threads: 1,
    },
    { dataset, k: 5, progress: silent, signal },
  )
  try {
    const ask = async (text: string) => (await arm.workspace!.session.query(text))[0]
    const readNode = () => ask("SELECT pg_relation_filenode('simdgres_bench.vectors_hnsw_index') AS node")
    const query = dataset.queries.data.subarray(0, 16)
    const search = async () => {
      const [lane] = arm.lanes()
      const searcher = await lane!.corpus.open(lane!.variant)
      const [hits] = await searcher.search(query)
      await searcher.close()
      return [...hits!]
    }
    // A checkpoint of the server's own choice would fall into the rounds.
    expect(
      await ask(
        'SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), redo_lsn) < 100000 AS settled FROM pg_control_checkpoint()',
      ),
    ).toEqual({ settled: true })
    const before = { node: await readNode(), hits: await search() }
    await arm.reconfigure({ parameters: { shared_buffers: '96MB' } })
    expect(await ask('SHOW shared_buffers')).toEqual({ shared_buffers: '96MB' })
    expect({ node: await readNode(), hits: await search() }).toEqual(before)
  } finally {
    expect(await arm.close(silent)).toEqual([])
  }
})
