import { BaseSequencer, type TestSpecification } from 'vitest/node'

/**
 * Files that take minutes, in the order in which they begin: first the images, which other tests wait for, with work
 * for the compiler beside them; then the longest, so that none is left alone at the end.
 */
const first = [
  'docker/build',
  'kernels/kernels',
  'stack/images',
  'cli/bench',
  'stack/switchover',
  'stack/upgrade',
  'stack/monitoring',
  'stack/point-in-time',
  'stack/durability',
  'stack/restore',
  'stack/backup',
  'stack/engine-restart',
  'docker/security',
  'stack/up',
  'stack/status',
]

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const index = first.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`))
      return index === -1 ? first.length : index
    }
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b))
  }
}
