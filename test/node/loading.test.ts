import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { capabilities, measureReadBandwidth } from '#src/vectors/capabilities.js'
import { runChild } from './child.js'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'simdgres-loading-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('the loader', () => {
  it('says what it tried and what to do when there is no addon', async () => {
    const missing = join(folder, 'missing.node')
    expect(await runChild('load', { SIMDGRES_ADDON: missing })).toEqual({
      error: {
        name: 'SimdgresError',
        code: 'ERR_UNAVAILABLE',
        message: expect.stringContaining(`Tried, in order:\n  ${missing}: Cannot find module`),
        hint: expect.stringContaining('npm run build:native'),
      },
    })
  })

  it('keeps the reason of the system when the file is not an addon', async () => {
    const broken = join(folder, 'broken.node')
    await writeFile(broken, 'not a shared library')
    expect(await runChild('load', { SIMDGRES_ADDON: broken })).toMatchObject({
      error: {
        code: 'ERR_UNAVAILABLE',
        message: expect.stringMatching(/broken\.node: .*(invalid ELF|too short)/),
      },
    })
  })

  it('takes the local build when there is no other', async () => {
    expect(await runChild('load', { SIMDGRES_ADDON: '' })).toHaveProperty('capabilities')
  })
})

describe('SIMDGRES_ISA', () => {
  it('refuses a name it does not know, and lists those it does', async () => {
    expect(await runChild('load', { SIMDGRES_ISA: 'sse9' })).toMatchObject({
      error: {
        code: 'ERR_INVALID_ARGUMENT',
        message: expect.stringContaining('SIMDGRES_ISA=sse9 is unknown: it is one of scalar, avx2, avx512'),
      },
    })
  })

  it('has every set find the same ids at the same distances', async () => {
    const { available } = capabilities()
    expect(available).toContain('scalar')
    for (const metric of ['l2', 'cosine', 'ip', 'l1']) {
      const scalar = (await runChild('search', { SIMDGRES_ISA: 'scalar' }, [metric])) as { ids: number[] }
      expect(scalar.ids).toHaveLength(210)
      for (const isa of available) {
        expect(await runChild('search', { SIMDGRES_ISA: isa }, [metric])).toEqual({ ...scalar, isa })
      }
    }
  })
})

describe('capabilities', () => {
  it('name what runs', () => {
    const { version, isa, available } = capabilities()
    expect(version).toMatch(/^\d+\.\d+\.\d+$/)
    expect(available).toContain(isa)
  })

  it('measure a read bandwidth that memory can have', async () => {
    const gigabytesPerSecond = await measureReadBandwidth()
    expect(gigabytesPerSecond).toBeGreaterThan(0.5)
    expect(gigabytesPerSecond).toBeLessThan(1000)
  })
})
