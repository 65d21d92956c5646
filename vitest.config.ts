import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { LongestFirst } from './test/longest-first.js'
import { SkipReasons } from './test/skip-reasons.js'

/** Studies that are no part of a run, each with the variable that asks for it: they take minutes, or files that are not ours. */
const studies = {
  'test/cli/capacity-tenfold.test.ts': 'SIMDGRES_TENFOLD',
  'test/stack/large-upgrade-under-load.test.ts': 'SIMDGRES_UPGRADE_ROWS',
  'test/stack/rebuild.test.ts': 'SIMDGRES_REBUILD',
  'test/unit/manifest/custom-resources.test.ts': 'SIMDGRES_CRDS',
}
const unasked = Object.entries(studies).flatMap(([file, variable]) =>
  process.env[variable] === undefined ? [file] : [],
)

/**
 * One project per kind of part a test needs, so that `vitest run --project node` runs without a compiler of
 * PostgreSQL extensions or a Docker engine. Every file makes servers, stacks and folders of its own, with names and ports
 * that nobody else has, so files run beside each other.
 */
const project = (name: string, extra: Record<string, unknown> = {}) => ({
  resolve: { alias: [{ find: /^#src\/(.*)\.js$/, replacement: `${sources}/$1.ts` }] },
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    exclude: unasked,
    testTimeout: 60_000,
    hookTimeout: 600_000,
    ...extra,
  },
})

/** Tests import the sources; only what they start as a process of its own runs dist/, which `build-first` keeps current. */
const sources = fileURLToPath(new URL('src', import.meta.url))

/** Tests that promise how long clients wait: nothing else runs beside them. */
const timed = ['test/stack/*-under-load.test.ts']

export default defineConfig({
  test: {
    globalSetup: './test/build-first.ts',
    // The long files wait for servers most of the time. More at once would make them wait for processors.
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    reporters: ['default', new SkipReasons()],
    projects: [
      project('unit'),
      project('kernels', { testTimeout: 600_000 }),
      project('codes', { testTimeout: 600_000, hookTimeout: 1_800_000 }),
      project('node'),
      project('pg', { testTimeout: 300_000 }),
      project('docker', { testTimeout: 600_000 }),
      project('stack', { testTimeout: 300_000, exclude: [...timed, ...unasked] }),
      project('stack-alone', { testTimeout: 300_000, include: timed, fileParallelism: false }),
      project('cli', { testTimeout: 600_000 }),
      project('package', { testTimeout: 300_000 }),
    ],
  },
})
