import { findImageId, isFreshBase } from '../../engine/images/base-image.js'
import { makeFreshBase } from '../../engine/images/fresh-base.js'
import { removeUnusedImages } from '../../engine/images/unused-images.js'
import { SimdgresError, throwIfAborted } from '../../errors.js'
import { listEnabledServices, orderByDependency, splitProfiles } from '../services/dependency-order.js'
import type { Stack } from '../stack.js'

const baseSetting = 'BASE_IMAGE'
const defaultBase = 'debian:trixie-slim'

/** The services that the profiles switch on, each after those that it depends on. */
export function listServices({ compose, settings }: Stack): readonly string[] {
  return orderByDependency(compose, listEnabledServices(compose, splitProfiles(settings['COMPOSE_PROFILES'])))
}

/** One after another: the stages of later images then find those of the database's in the engine's cache. */
export async function buildImages(stack: Stack): Promise<void> {
  for (const service of listServices(stack)) {
    throwIfAborted(stack.signal)
    await stack.ensureImage(service)
  }
}

/** All images are built on it from now on: another stack's, or a later change of their sources, brings nothing older back. */
export async function renewBase(stack: Stack): Promise<void> {
  const { engine, progress, signal } = stack
  requireOwnBase()
  const base = await makeFreshBase(engine, stack.settings[baseSetting] || defaultBase, progress, signal)
  await stack.updateSettings({ [baseSetting]: base })
}

/** Makes another base where the one that .env names was removed: no registry has it, and the packages of its origin are older. */
export async function ensureBase(stack: Stack): Promise<void> {
  const base = stack.settings[baseSetting] || defaultBase
  if (!isFreshBase(base) || (await findImageId(stack.engine, base)) !== undefined) return
  stack.progress.note(`the base ${base} was removed; making another one`)
  await renewBase(stack)
}

/** The shell's variables win over .env, so what is written there would have no effect. */
function requireOwnBase(): void {
  if (!process.env[baseSetting]) return
  throw new SimdgresError(
    'ERR_INVALID_ARGUMENT',
    `The shell sets ${baseSetting}, which wins over .env: images would stay on that`,
    `Unset it, and put it into .env with --set ${baseSetting}=<image>.`,
  )
}

/** What a rebuild has replaced. A failure is only noted: what was asked for is done. */
export async function removeReplacedImages({ engine, progress, settings }: Stack): Promise<void> {
  try {
    const removed = await removeUnusedImages(engine, settings[baseSetting] || defaultBase)
    if (removed.length > 0) progress.note(`removed ${removed.length} images that nothing uses any more`)
  } catch (error) {
    if (!(error instanceof SimdgresError)) throw error
    progress.note(error.message)
  }
}
