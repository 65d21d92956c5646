import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { loadServerAlone } from '../config/stack.js'
import { readBuildContext } from '../engine/images/build-context.js'
import type { Arm, SetupFile } from '../measure/arm.js'
import { readCommit } from '../measure/environment.js'
import type { VectorLibrary } from '../paths/path-context.js'
import { needServer } from '../paths/registry.js'
import type { PathId } from '../paths/search-path.js'
import type { Progress } from '../progress.js'
import { packageRoot } from '../system/cache-folder.js'
import { createTarget } from '../targets/choose.js'
import type { DeploySettings, Target } from '../targets/target.js'
import { type ArmSpec, nameArm } from './arm-spec.js'
import { imageOf } from './commits/build-images.js'
import { buildCommit, resolveCommit } from './commits/commit-tree.js'
import { git, type Repository, readCommittedArm } from './repository.js'

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
  readonly setup?: readonly SetupFile[]
}

/** Where arms are looked for, and what those that are no commit of another project are given. */
export interface ArmSource {
  readonly repository: Repository
  /** Of simdgres.json. */
  readonly configPath: string
  readonly setup: readonly SetupFile[]
}

/**
 * Finds and builds what `spec` names.
 * @throws ERR_INVALID_ARGUMENT for a commit that git does not know, ERR_UNAVAILABLE for one that does not build.
 */
export async function resolveArm(
  spec: ArmSpec,
  { source, ...control }: ArmControl & { readonly paths: readonly PathId[]; readonly source: ArmSource },
): Promise<ResolvedArm> {
  if (spec.kind === 'git' && !source.repository.isOurs) return resolveForeign(spec, control, source)
  const { setup } = source
  const hasParameters = Object.keys(spec.parameters).length > 0
  const settings = hasParameters ? { parameters: spec.parameters } : {}
  const plain = { spec, label: nameArm(spec), settings, ...(setup.length > 0 && { setup }) }
  switch (spec.kind) {
    case 'work-tree':
      return { ...plain, commit: await readHead(source.repository, control.signal) }
    case 'url':
      return plain
    case 'image':
      return { ...plain, settings: { ...settings, image: { name: spec.name } } }
    case 'git': {
      const { commit, folder } = await buildCommit(spec.ref, control)
      const image = { name: imageOf(commit), context: folder }
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

/** Another project's commit: this program and its server, set up as the commit's files say. */
async function resolveForeign(
  spec: ArmSpec & { readonly kind: 'git' },
  { signal }: ArmControl,
  { repository, configPath }: ArmSource,
): Promise<ResolvedArm> {
  const commit = await resolveCommit(spec.ref, signal, repository.folder)
  const { settings, setup } = await readCommittedArm(repository, commit, configPath, signal)
  const parameters = { ...settings, ...spec.parameters }
  return {
    spec,
    label: nameArm({ ...spec, parameters }),
    commit,
    settings: Object.keys(parameters).length > 0 ? { parameters } : {},
    ...(setup.length > 0 && { setup }),
  }
}

async function readHead({ folder, isOurs }: Repository, signal: AbortSignal): Promise<string> {
  if (isOurs) return readCommit()
  const commit = await resolveCommit('HEAD', signal, folder)
  const changes = await git(['status', '--porcelain', '--untracked-files=no'], folder, signal)
  return changes === '' ? commit : `${commit}-dirty`
}

function hasSameImage(folder: string): boolean {
  const { dockerfile } = loadServerAlone().build
  const [theirs, ours] = [folder, packageRoot].map((root) => readBuildContext(root, dockerfile).hash)
  return theirs === ours
}

/** Both servers are of one image, with one set of parameters: what is not ours in them cannot differ. */
export function haveSameServer(base: ResolvedArm, head: ResolvedArm): boolean {
  if (base.spec.kind === 'url' || head.spec.kind === 'url') return false
  const [before, after] = [base, head].map(({ settings, setup }) => JSON.stringify([settings, setup]))
  return before === after
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
    ...(arm.setup && { setup: arm.setup }),
  }
}

function chooseTarget({ spec, settings }: ResolvedArm, control: ArmControl): Promise<Target> {
  if (spec.kind === 'url') return createTarget('url', { ...control, url: spec.url })
  return createTarget(settings.image === undefined ? 'auto' : 'docker', control)
}
