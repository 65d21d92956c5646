import { defineConfig } from 'vitest/config'

/**
 * One project per kind of part a test needs, so that `vitest run --project node` runs without a compiler of
 * PostgreSQL extensions or a Docker engine. Files inside a project run one after another where they share a
 * machine-wide resource (a server, an engine).
 */
const project = (name: string, extra: Record<string, unknown> = {}) => ({
  test: { name, include: [`test/${name}/**/*.test.ts`], testTimeout: 60_000, hookTimeout: 600_000, ...extra },
})

export default defineConfig({
  test: {
    projects: [
      project('unit'),
      project('kernels', { testTimeout: 600_000 }),
      project('node'),
      project('pg', { fileParallelism: false, testTimeout: 300_000 }),
      project('docker', { fileParallelism: false, testTimeout: 600_000 }),
      project('stack', { fileParallelism: false, testTimeout: 300_000 }),
      project('cli', { fileParallelism: false, testTimeout: 600_000 }),
      project('package', { testTimeout: 300_000 }),
    ],
  },
})
