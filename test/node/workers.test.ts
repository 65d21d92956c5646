import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { capabilities } from '#src/vectors/capabilities.js'
import { childPath } from './child.js'
import { randomVectors } from './oracle.js'

const dims = 32

function sharedVectors(rows: number): Float32Array {
  const shared = new Float32Array(new SharedArrayBuffer(rows * dims * 4))
  shared.set(randomVectors(rows, dims, 1))
  return shared
}

describe('worker threads', () => {
  it('search at the same time, each in its own environment', async () => {
    const data = sharedVectors(5000)
    for (let round = 0; round < 3; round++) {
      const workers = [1, 2, 3, 4].map(() => new Worker(childPath('worker'), { workerData: { data, dims } }))
      const found = await Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0]))
      expect(found).toEqual([1, 2, 3, 4].map(() => [0, 1, 2]))
      await Promise.all(workers.map((worker) => worker.terminate()))
    }
  })

  it('may end while results of short searches come back', async () => {
    const data = sharedVectors(200)
    for (const kind of ['chain', 'sync']) {
      for (let round = 0; round < 20; round++) {
        const worker = new Worker(childPath('worker'), { workerData: { data, dims, kind } })
        await once(worker, 'message')
        await new Promise((resolve) => setTimeout(resolve, round % 5))
        expect(await worker.terminate()).toBe(1)
      }
    }
  })

  it('do not change the kernels of the process', async () => {
    const { isa } = capabilities()
    const before = process.env['SIMDGRES_ISA']
    process.env['SIMDGRES_ISA'] = 'scalar'
    try {
      const worker = new Worker(childPath('worker'), { workerData: { data: sharedVectors(10), dims } })
      await once(worker, 'message')
      await worker.terminate()
      expect(capabilities().isa).toBe(isa)
    } finally {
      if (before === undefined) delete process.env['SIMDGRES_ISA']
      else process.env['SIMDGRES_ISA'] = before
    }
  })

  it('may end while their searches run', async () => {
    const data = sharedVectors(4000)
    for (let round = 0; round < 5; round++) {
      const worker = new Worker(childPath('worker'), { workerData: { data, dims, kind: 'linger' } })
      expect(await once(worker, 'message')).toEqual(['searching'])
      expect(await worker.terminate()).toBe(1)
    }
  })
})
