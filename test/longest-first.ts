import { BaseSequencer, type TestSpecification } from 'vitest/node'

/**
 * Files that take minutes, in the order in which they begin: first the images, which others wait for, with tests beside
 * them that need none; then the longest, so that none is left alone at the end.
 */
const first = [
  'docker/build',
  'kernels/kernels',
  'codes/codes',
  'cli/bench',
  'pg/local-target',
  'pg/extension',
  'package/tarball',
  'stack/images',
  'stack/point-in-time',
  'stack/restore',
  'stack/switchover',
  'stack/exchange',
  'stack/up',
  'stack/backup',
  'stack/monitoring',
  'stack/upgrade',
  'cli/tune-search',
  'pg/local-data',
  'docker/first-boot',
  'docker/security',
  'stack/application',
  'stack/engine-restart',
  'cli/gate',
  'cli/gate-resume',
  'docker/target-data',
  'docker/bench',
  'stack/status',
  'stack/data-folder',
  'stack/durability',
  'cli/gate-repository',
  'cli/tune',
  'docker/tuning',
  'docker/target',
  'pg/index',
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
