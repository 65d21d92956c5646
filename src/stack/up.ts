import { recommendSettings, reviewSettings, type SettingReview } from '../config/recommended-settings.js'
import { readSecondRepository, secondRepositoryPassphrase } from '../config/second-repository.js'
import {
  listServerParameters,
  requireAllowedParameters,
  type ServerParameter,
} from '../config/server-parameters.js'
import type { ServiceChange } from '../engine/apply-plan.js'
import { readHostSize, requireEngine } from '../engine/engine.js'
import { ensureNetwork } from '../engine/networks.js'
import { SimdgresError, throwIfAborted } from '../errors.js'
import { withLock } from '../system/file-lock.js'
import { makeFolder } from '../system/folder.js'
import {
  type Application,
  anchorApplication,
  applicationSetting,
  readApplication,
} from './application/folder.js'
import {
  applyMigrations,
  readAppliedMigrations,
  requireApplicable,
  reviewMigrations,
} from './application/migrations.js'
import { runUpkeep } from './application/upkeep.js'
import {
  buildImages,
  ensureBase,
  listServices,
  removeReplacedImages,
  renewBase,
} from './images/fresh-images.js'
import { findKeptData } from './lost-folder.js'
import { readUpgradeState } from './move/upgrade-state.js'
import { requireParameters } from './parameters/server-parameters.js'
import { isLockedOut, resetSuperuserPassword } from './passwords/superuser.js'
import { findPoolProblem } from './pool/pool-client.js'
import { readSessionPoolSize, writePoolFile } from './pool/pool-file.js'
import { repairMove } from './repair.js'
import { ensureAlertTarget } from './secrets/alert-target.js'
import { ensureSecondRepository } from './secrets/second-repository.js'
import { ensureSecrets, type SecretsOutcome, secretsFolderOf } from './secrets/secrets.js'
import { requireSuccess } from './server/sql.js'
import { prepareDataFolders } from './services/data-folders.js'
import { splitProfiles } from './services/dependency-order.js'
import { changeOwners } from './services/ownership.js'
import { databaseService, poolerService } from './services/service-names.js'
import { findStackFolder, lockPath } from './settings.js'
import { openStack, type Stack, type StackOptions } from './stack.js'
import { applyTuned, readTunedFile, undoTuned } from './tuned-settings.js'
import { keepFollowing } from './upgrade/follower.js'

export interface UpOptions extends StackOptions {
  /** Profiles to switch on, now and for later calls. */
  readonly profiles: readonly string[]
  /** Settings for .env. */
  readonly settings: Readonly<Record<string, string>>
  /** Replace settings that differ from the recommended ones. */
  readonly tune: boolean
  /** A file of `simdgres tune --out`, whose settings are put into .env. */
  readonly tunedFile?: string
  /** Puts back what was in .env before such a file. */
  readonly untune?: boolean
  /** Builds all images with the packages of today, from then on. */
  readonly rebuild?: boolean
}

export interface UpResult {
  readonly project: string
  readonly folder: string
  readonly services: Readonly<Record<string, ServiceChange>>
  /** Settings of .env that do not fit this machine. */
  readonly reviews: readonly SettingReview[]
  /** Names of the application's migrations that were applied now. */
  readonly migrations: readonly string[]
  /** Parameters of the server that .env sets, by name. */
  readonly parameters: Readonly<Record<string, string>>
  readonly durationMs: number
}

/** What a call does, or would do. */
type UpChanges = Pick<UpResult, 'services' | 'reviews' | 'migrations' | 'parameters'>

/**
 * Starts the stack, or brings a running one to what docker/compose.yaml and .env say now. Replaces only what differs, and
 * never data. Resolves when every service is healthy.
 * @throws ERR_UNAVAILABLE with the last log lines of a service that fails; the others keep running.
 */
export async function bringUp(options: UpOptions): Promise<UpResult> {
  const startedAtMs = performance.now()
  await requireEngine()
  const folder = findStackFolder(options.folder)
  await makeFolder(folder, 0o700)
  // Two calls at once would make two sets of secrets.
  return withLock(
    lockPath(folder),
    options.signal,
    async () => {
      // Only now: another call may have written .env while this one waited.
      const stack = await openStack({ ...options, folder })
      await repairMove(stack)
      const changes = await bringUpAlone(stack, options)
      const durationMs = Math.round(performance.now() - startedAtMs)
      return { project: stack.name, folder, ...changes, durationMs }
    },
    { isRequired: true },
  )
}

/** For a caller that holds the stack's lock. */
export async function bringUpAlone(stack: Stack, options: UpOptions): Promise<UpChanges> {
  const reviews = await settle(stack, options)
  // Before anything is made: a wrong folder is a wrong setting like others.
  const application = await readApplication(stack.settings, stack.folder)
  const order = listServices(stack)
  requireAllowedParameters(listServerParameters(stack.settings))
  await (options.rebuild === true ? renewBase(stack) : ensureBase(stack))
  await buildImages(stack)
  const hasNewPasswords = await prepareFolder(stack, order)
  const parameters = await requireParameters(stack)
  for (const [name, network] of Object.entries(stack.compose.networks)) {
    await ensureNetwork(stack.engine, stack.name, name, network)
  }
  await removeDisabled(stack, order)
  const started = await startServices(stack, order, hasNewPasswords, application)
  await keepFollowing(stack)
  if (options.rebuild === true) await removeReplacedImages(stack)
  return { ...started, reviews, parameters: describeParameters(parameters) }
}

function describeParameters(parameters: readonly ServerParameter[]): Record<string, string> {
  return Object.fromEntries(parameters.map(({ name, value }) => [name, value]))
}

/** What `bringUp` would do. Changes nothing. */
export async function previewUp(options: UpOptions): Promise<UpChanges> {
  const stack = await openStack({ ...options, readOnly: true })
  const host = await readHostSize(stack.engine)
  const recommended = recommendSettings(host)
  stack.previewSettings(await chooseSettings(stack, options, recommended))
  const parameters = listServerParameters(stack.settings)
  requireAllowedParameters(parameters)
  const changes: Record<string, ServiceChange> = {}
  for (const service of listServices(stack)) {
    const change = await stack.previewService(service)
    changes[service === databaseService ? stack.primary : service] =
      options.rebuild === true && change === 'unchanged' ? 'recreated' : change
  }
  const application = await readApplication(stack.settings, stack.folder)
  return {
    parameters: describeParameters(parameters),
    services: changes,
    reviews: reviewSettings(stack.settings, recommended, host),
    migrations: application ? await previewMigrations(stack, application) : [],
  }
}

/** Names of those that `updateSchema` would apply. */
async function previewMigrations(stack: Stack, application: Application): Promise<readonly string[]> {
  if ((await readUpgradeState(stack)) !== undefined) return []
  const isThere = (await stack.findContainer(stack.primary)) !== undefined
  if (isThere && !(await stack.isRunning(stack.primary))) {
    stack.progress.note('which migrations are due is not known: the server is not running')
    return []
  }
  const applied = isThere ? await readAppliedMigrations(stack) : new Map<string, string>()
  const review = reviewMigrations(application, applied)
  requireApplicable(review)
  return review.pending.map(({ name }) => name)
}

/** Adds what .env lacks. Values that are there belong to the user. */
async function settle(stack: Stack, options: UpOptions): Promise<SettingReview[]> {
  // A folder that is not one must not get into .env.
  if (options.settings[applicationSetting]) {
    await readApplication(anchorApplication(options.settings), stack.folder)
  }
  readSessionPoolSize({ ...stack.settings, ...options.settings })
  const given = listServerParameters(options.settings)
  requireAllowedParameters(given)
  if (given.length > 0 && (await stack.findContainer(stack.primary))) {
    // Neither must one that the server does not know.
    stack.previewSettings(options.settings)
    await requireParameters(stack)
  }
  const host = await readHostSize(stack.engine)
  const recommended = recommendSettings(host)
  await stack.updateSettings(await chooseSettings(stack, options, recommended))
  return reviewSettings(stack.settings, recommended, host)
}

async function chooseSettings(
  stack: Stack,
  options: UpOptions,
  recommended: Readonly<Record<string, string>>,
): Promise<Record<string, string>> {
  const { tunedFile, untune } = options
  const missing = Object.entries(recommended).filter(([name]) => options.tune || !stack.settings[name])
  const profiles = new Set([...splitProfiles(stack.settings['COMPOSE_PROFILES']), ...options.profiles])
  return {
    ...(await findKeptData(stack, options.settings)),
    STACK_PROJECT: stack.name,
    STACK_DIR: stack.folder,
    COMPOSE_PROFILES: [...profiles].join(','),
    ...Object.fromEntries(missing),
    ...(tunedFile !== undefined && applyTuned(stack.settings, await readTunedFile(tunedFile))),
    ...(untune === true && undoTuned(stack.settings)),
    ...anchorApplication(options.settings),
  }
}

/** Resolves to whether any password is new. */
async function prepareFolder(stack: Stack, services: readonly string[]): Promise<boolean> {
  const { made, toOwn } = await makeSecrets(stack)
  if (made.length > 0) stack.progress.note(`made ${made.length} secrets in ${secretsFolderOf(stack.folder)}`)
  const imageId = await stack.ensureImage(databaseService)
  if (toOwn.length > 0) {
    const files = toOwn.map(({ path, owner }) => ({ path, owner: Number(owner) }))
    await changeOwners(stack.engine, imageId, secretsFolderOf(stack.folder), files, stack.signal)
  }
  await writePoolFile(stack, stack.primary)
  for (const service of services) await prepareDataFolders(stack, service)
  return made.some((path) => path.endsWith('_password'))
}

async function makeSecrets(stack: Stack): Promise<SecretsOutcome> {
  const own = await ensureSecrets(stack.folder, stack.name)
  const alerts = await ensureAlertTarget(stack.folder, stack.settings)
  const both = { made: [...own.made, ...alerts.made], toOwn: [...own.toOwn, ...alerts.toOwn] }
  const path = readSecondRepository(stack.settings)
  if (path === undefined) return both
  const second = await ensureSecondRepository(stack.folder, path)
  if (second.made.includes(secondRepositoryPassphrase)) {
    stack.progress.note(
      `keep a copy of ${secretsFolderOf(stack.folder)}/${secondRepositoryPassphrase} elsewhere: without it, nobody can read the second repository`,
    )
  }
  return { made: [...both.made, ...second.made], toOwn: [...both.toOwn, ...second.toOwn] }
}

/** Removes services whose profile was switched off. Their volumes stay. */
async function removeDisabled(stack: Stack, enabled: readonly string[]): Promise<void> {
  for (const service of Object.keys(stack.compose.services)) {
    if (!enabled.includes(service)) await stack.removeService(service)
  }
}

/** Starts each service as soon as those that it depends on are healthy, and all others at the same time. */
async function startServices(
  stack: Stack,
  order: readonly string[],
  hasNewPasswords: boolean,
  application: Application | undefined,
): Promise<Pick<UpResult, 'services' | 'migrations'>> {
  const changes: Record<string, ServiceChange> = {}
  const starts = new Map<string, Promise<void>>()
  let started = 0
  const start = async (service: string): Promise<void> => {
    const dependencies = Object.keys(stack.compose.services[service]?.depends_on ?? {})
    await Promise.all(dependencies.map((dependency) => starts.get(dependency)))
    throwIfAborted(stack.signal)
    const { change } = await stack.applyService(service)
    const name = service === databaseService ? stack.primary : service
    changes[name] = change
    if (change !== 'unchanged') stack.progress.note(`${change} ${name}`)
    await stack.waitUntilHealthy(name)
    // A new image may grant other rights.
    if (service === databaseService) await admitRoles(stack, hasNewPasswords || change === 'recreated')
    if (service === poolerService) await ensurePoolReachesServer(stack, changes)
    started += 1
    stack.progress.step('starting services', started, order.length)
  }
  // In order of dependency: a service finds the start of what it depends on in the map.
  for (const service of order) starts.set(service, start(service))
  // Waits for all, so that nothing is still at work when the lock is released. The first failure caused any later ones.
  const updating = updateSchema(stack, application, starts.get(databaseService))
  const outcomes = await Promise.allSettled([...starts.values(), updating])
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  // In the order of the file, not of their ends.
  const names = order.map((service) => (service === databaseService ? stack.primary : service))
  const services = Object.fromEntries(names.map((name) => [name, changes[name]!]))
  return { services, migrations: await updating }
}

/**
 * Applies the application's new migrations and runs its upkeep. Runs while the other services start: a migration that
 * fails is reported, but the database stays in use as it is. Resolves to the names of the migrations.
 */
async function updateSchema(
  stack: Stack,
  application: Application | undefined,
  databaseStart: Promise<void> | undefined,
): Promise<readonly string[]> {
  await databaseStart
  if (!application) return []
  // During an upgrade rows are replicated, tables are not: replication would stop at the first row of a new table.
  if ((await readUpgradeState(stack)) !== undefined) return []
  const applied = await applyMigrations(stack, application)
  await runUpkeep(stack, application)
  return applied
}

/** Without the superuser's password nothing else can be set, on this call or on any later one. */
async function admitRoles(stack: Stack, areRolesOld: boolean): Promise<void> {
  const lockedOut = await isLockedOut(stack)
  if (lockedOut) await resetSuperuserPassword(stack)
  if (lockedOut || areRolesOld) await setRoles(stack)
}

/** A first boot does this by itself. Later it is needed where a password was lost, or the image is another. */
async function setRoles(stack: Stack): Promise<void> {
  const result = await stack.exec(stack.primary, ['/usr/local/lib/simdgres/set-roles.sh'])
  requireSuccess(result, 'Setting passwords and rights of roles')
}

/**
 * PgBouncer keeps an address for as long as it runs, but a server that was replaced or restarted may have another one.
 * A query like the application's shows whether it does.
 */
async function ensurePoolReachesServer(
  stack: Stack,
  changes: Readonly<Record<string, ServiceChange>>,
): Promise<void> {
  const isServerNew = changes[stack.primary] !== 'unchanged' && changes[poolerService] === 'unchanged'
  const problem = isServerNew ? 'its server is a new one' : await findPoolProblem(stack)
  if (problem === undefined) return
  const container = await stack.container(poolerService)
  await container.restart()
  stack.progress.note(`restarted ${poolerService}: ${problem}`)
  await stack.waitUntilHealthy(poolerService)
  const remaining = await findPoolProblem(stack)
  if (remaining === undefined) return
  throw new SimdgresError(
    'ERR_UNAVAILABLE',
    `No query gets through the pool: ${remaining}; the last lines of ${poolerService}:\n${await stack.logs(poolerService)}`,
    'See simdgres status.',
  )
}
