import { alertSetting, readAlertTarget } from '../../config/alert-target.js'
import { readState } from '../../engine/container.js'
import { isRunning, readHealth } from '../../engine/health.js'
import { SimdgresError } from '../../errors.js'
import { findPoolProblem } from '../pool/pool-client.js'
import { isAuthorityLeaving, readCertificateEnds, renewalDays } from '../secrets/secrets.js'
import { listEnabledServices, splitProfiles } from '../services/dependency-order.js'
import { databaseService } from '../services/service-names.js'
import type { Stack } from '../stack.js'
import { critical, type Finding, ok, warning } from './finding.js'
import { checkApplication } from './status-application.js'
import { checkBackups } from './status-backups.js'
import { checkDatabase } from './status-database.js'
import { checkDisks } from './status-disks.js'
import { checkImages } from './status-images.js'
import { checkJournal, checkMoves } from './status-moves.js'
import { checkParameters } from './status-parameters.js'

/** With fewer days left, one more failed renewal becomes an outage. */
const urgentDays = 7

/** Checks whether the stack does its work, and will go on doing it. */
export async function checkStack(stack: Stack): Promise<Finding[]> {
  const journal = await collect('move', () => checkJournal(stack))
  const services = await checkServices(stack)
  const images = await collect('images', () => checkImages(stack))
  const certificates = [...images, ...checkAlerts(stack), ...(await checkCertificates(stack))]
  const primary = await stack.findContainer(stack.primary)
  const isUp = primary !== undefined && isRunning(await primary.inspect())
  if (!isUp) return [...journal, ...services, ...certificates]
  const pool = await checkPool(stack)
  const inside = await collect('database', async () => [
    ...(await checkDatabase(stack)),
    ...(await checkParameters(stack)),
    ...(await checkApplication(stack)),
    ...(await checkDisks(stack)),
    ...(await checkBackups(stack)),
    ...(await checkMoves(stack)),
  ])
  return [...journal, ...services, pool, ...inside, ...certificates]
}

async function checkServices(stack: Stack): Promise<Finding[]> {
  const profiles = splitProfiles(stack.settings['COMPOSE_PROFILES'])
  const names = listEnabledServices(stack.compose, profiles).map((service) => {
    return service === databaseService ? stack.primary : service
  })
  return Promise.all(names.map((name) => checkService(stack, name)))
}

async function checkService(stack: Stack, name: string): Promise<Finding> {
  const check = `service ${name}`
  const container = await stack.findContainer(name)
  if (!container) return critical(check, 'has no container', 'simdgres up')
  const state = await readState(container)
  const health = await readHealth(container, name, stack.signal)
  const since = `since ${state.startedAt}, restarted ${state.restartCount} times`
  switch (health) {
    case 'healthy':
    case 'running':
      return ok(check, `${health} ${since}`)
    case 'starting':
      return warning(check, `starting ${since}`, 'wait, then ask again')
    case 'unhealthy':
      return critical(check, `unhealthy ${since}`, `simdgres logs ${name}`)
    case 'stopped':
      return critical(
        check,
        `not running, exit code ${state.exitCode}`,
        `simdgres logs ${name}, then simdgres up`,
      )
  }
}

/** What an application would see: a query through PgBouncer, over TLS, with a password. */
async function checkPool(stack: Stack): Promise<Finding> {
  const check = 'query through the pool'
  const startedAtMs = performance.now()
  const problem = await findPoolProblem(stack)
  const durationMs = Math.round(performance.now() - startedAtMs)
  if (problem === undefined) return ok(check, `answered after ${durationMs} ms, client start included`)
  return critical(check, problem, 'simdgres up, which connects the pool anew; else simdgres logs pgbouncer')
}

function checkAlerts({ settings }: Stack): Finding[] {
  if (!splitProfiles(settings['COMPOSE_PROFILES']).includes('monitoring')) return []
  const url = readAlertTarget(settings)
  if (url !== undefined) return [ok('alerts', `are sent to ${url.host}`)]
  return [ok('alerts', `are shown by Prometheus and sent to nobody: ${alertSetting} is empty`)]
}

async function checkCertificates(stack: Stack): Promise<Finding[]> {
  const ends = await readCertificateEnds(stack.folder)
  if (ends.length === 0) return [critical('certificates', 'there are none', 'simdgres up')]
  const leaving = warning(
    'authority',
    'clients and services trust two: the next one signs nothing yet',
    'when every client has the new secrets/client/ca.crt: simdgres rotate ca --finish',
  )
  const judged = ends.map(({ name, daysLeft }) => {
    const check = `certificate ${name}`
    const message = `ends in ${daysLeft} days`
    const hint = 'simdgres up makes a new one and restarts the services that use it'
    if (daysLeft < urgentDays) return critical(check, message, hint)
    return daysLeft < renewalDays ? warning(check, message, hint) : ok(check, message)
  })
  return (await isAuthorityLeaving(stack.folder)) ? [...judged, leaving] : judged
}

/** A check that cannot be made is a finding itself, and the others are still of use. */
async function collect(check: string, look: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await look()
  } catch (error) {
    if (!(error instanceof SimdgresError) || error.code === 'ERR_ABORTED') throw error
    return [critical(check, error.message, error.hint)]
  }
}
