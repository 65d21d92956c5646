import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { loadServerAlone } from '../config/stack.js'
import { readBuildContext } from '../engine/images/build-context.js'
import type { Arm } from '../measure/arm.js'
import { readCommit } from '../measure/environment.js'
import type { VectorLibrary } from '../paths/path-context.js'
import { needServer } from '../paths/registry.js'
import type { PathId } from '../paths/search-path.js'
import type { Progress } from '../progress.js'
import { packageRoot } from '../system/cache-folder.js'
import { createTarget } from '../targets/choose.js'
import type { DeploySettings, Target } from '../targets/target.js'
import { type ArmSpec, nameArm } from './arm-spec.js'
import { buildCommit } from './commit-tree.js'

export interface ArmControl {
  readonly progress: Progress
  readonly signal: AbortSignal
  /** Of the run and its stage: a server that a killed run with the same key has left is taken over. */
  readonly resumeKey?: string
}

/** An arm whose sources are found and built. It can be deployed any number of times. */
export interface ResolvedArm {
  readonly spec: ArmSpec
  readonly label: string
  readonly commit?: string
  readonly settings: DeploySettings
  readonly library?: VectorLibrary
}

/**
 * Finds and builds what `spec` names.
 * @throws ERR_INVALID_ARGUMENT for a commit that git does not know, ERR_UNAVAILABLE for one that does not build.
 */
export async function resolveArm(
  spec: ArmSpec,
  control: ArmControl & { readonly paths: readonly PathId[] },
): Promise<ResolvedArm> {
  const hasParameters = Object.keys(spec.parameters).length > 0
  const settings = hasParameters ? { parameters: spec.parameters } : {}
  const plain = { spec, label: nameArm(spec), settings }
  switch (spec.kind) {
    case 'work-tree':
      return { ...plain, commit: await readCommit() }
    case 'url':
      return plain
    case 'image':
      return { ...plain, settings: { ...settings, image: { name: spec.name } } }
    case 'git': {
      const { commit, folder } = await buildCommit(spec.ref, control)
      const image = { name: `simdgres/postgres:gate-${commit.slice(0, 12)}`, context: folder }
      // The same sources give the same image: with one image for both arms, the paths of others are controls.
      const hasOwnImage = needServer(control.paths) && !hasSameImage(folder)
      return {
        ...plain,
        commit,
        settings: hasOwnImage ? { ...settings, image } : settings,
        library: (await import(pathToFileURL(join(folder, 'dist/index.js')).href)) as VectorLibrary,
      }
    }
  }
}

function hasSameImage(folder: string): boolean {
  const { dockerfile } = loadServerAlone().build
  const [theirs, ours] = [folder, packageRoot].map((root) => readBuildContext(root, dockerfile).hash)
  return theirs === ours
}

/** Both servers are of one image, with one set of parameters: what is not ours in them cannot differ. */
export function haveSameServer(base: ResolvedArm, head: ResolvedArm): boolean {
  if (base.spec.kind === 'url' || head.spec.kind === 'url') return false
  return JSON.stringify(base.settings) === JSON.stringify(head.settings)
}

/** A deployment of it, yet to be made. */
export async function describeArm(
  name: 'base' | 'head',
  arm: ResolvedArm,
  {
    paths,
    threads,
    builds,
    resumeKey,
    ...control
  }: ArmControl & { readonly paths: readonly PathId[]; readonly threads: number; readonly builds: number },
): Promise<Arm> {
  // Each has a server of its own: with one key both would claim the same.
  const own = { ...control, ...(resumeKey !== undefined && { resumeKey: `${resumeKey}-${name}` }) }
  const target = needServer(paths) ? await chooseTarget(arm, own) : undefined
  return {
    name,
    settings: target === undefined ? {} : arm.settings,
    paths: paths.map((id) => ({ id })),
    threads,
    builds,
    ...(target && { target }),
    ...(arm.library && { library: arm.library }),
  }
}

function chooseTarget({ spec, settings }: ResolvedArm, control: ArmControl): Promise<Target> {
  if (spec.kind === 'url') return createTarget('url', { ...control, url: spec.url })
  return createTarget(settings.image === undefined ? 'auto' : 'docker', control)
}
