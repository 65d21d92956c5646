import { hostname } from 'node:os'
import { join } from 'node:path'
import type Docker from 'dockerode'
import type { Progress } from '../progress.js'
import { cacheFolder } from '../system/cache-folder.js'
import { withLock } from '../system/file-lock.js'
import { findStartTime } from '../system/process-start.js'
import { keptForMs, type ResumeMark } from '../system/resume-mark.js'
import { engineError, isStatus } from './engine.js'

/**
 * The labels of every container and volume of a run say which process owns it. A process that is killed (kill -9, power
 * cut) cannot clean up, so the next run removes what belongs to dead processes of this host.
 */
const hostLabel = 'io.simdgres.owner.host'
const pidLabel = 'io.simdgres.owner.pid'
const startLabel = 'io.simdgres.owner.start'
/** On a volume whose data another run can continue with. */
const keyLabel = 'io.simdgres.resume.key'
const settingsLabel = 'io.simdgres.resume.settings'

type Labels = Readonly<Record<string, string>>

export function ownerLabels(pid = process.pid): Record<string, string> {
  return { [hostLabel]: hostname(), [pidLabel]: String(pid), [startLabel]: findStartTime(pid) ?? '' }
}

export function resumeLabels({ key, settings }: ResumeMark): Record<string, string> {
  return { [keyLabel]: key, [settingsLabel]: settings }
}

function isOrphan(labels: Labels | undefined): boolean {
  const pid = Number(labels?.[pidLabel])
  return Number.isInteger(pid) && pid > 0 && findStartTime(pid) !== labels?.[startLabel]
}

/**
 * Removes containers and volumes whose owner is gone. Data that another run can continue with is kept for a day.
 * @param key of data that is about to be claimed, and is left alone.
 */
export async function removeOrphans(engine: Docker, progress: Progress, key?: string): Promise<void> {
  const filters = { label: [`${hostLabel}=${hostname()}`] }
  try {
    const kept = await listResumable(engine, filters.label)
    for (const { Id, Names, Labels, Mounts } of await engine.listContainers({ all: true, filters })) {
      if (!isOrphan(Labels)) continue
      progress.note(`removing the container ${Names[0] ?? Id} of a run that was killed`)
      if (Mounts.some(({ Name }) => Name !== undefined && kept.has(Name))) await shutDown(engine, Id)
      await removeContainer(engine, Id)
    }
    for (const volume of await listIdleVolumes(engine, filters.label)) {
      const { name, labels, createdMs } = volume
      if (key !== undefined && labels[keyLabel] === key) continue
      if (isExpired(volume, Date.now())) {
        await removeVolume(engine, name)
      } else {
        const until = new Date(createdMs + keptForMs).toISOString()
        progress.note(
          `keeping the volume ${name} until ${until} for the run that was killed; remove it with docker volume rm ${name}`,
        )
      }
    }
  } catch (error) {
    throw engineError(error, 'removing what an earlier run left')
  }
}

/** A server's checkpoint at its end takes seconds; one that has not ended by then is killed. */
const shutDownSeconds = 60

/** Names of volumes that another run can continue with. */
async function listResumable(engine: Docker, label: readonly string[]): Promise<ReadonlySet<string>> {
  const { Volumes } = await engine.listVolumes({ filters: { label: [...label, keyLabel] } })
  return new Set((Volumes ?? []).map(({ Name }) => Name))
}

/** A server that is killed empties its unlogged tables at the next start: there would be nothing to continue with. */
async function shutDown(engine: Docker, id: string): Promise<void> {
  try {
    await engine.getContainer(id).stop({ t: shutDownSeconds })
  } catch (error) {
    // 304: it does not run.
    if (!isStatus(error, 304, 404, 409)) throw error
  }
}

/**
 * Takes over the volume that a killed run with the same mark has left. Other volumes of the same key were made with other
 * settings and are removed. Two runs never get the same volume.
 * @param claim makes a container that mounts the volume, which shows others that it is in use.
 * @returns its name; undefined if there is none.
 */
export async function claimVolume(
  engine: Docker,
  mark: ResumeMark,
  claim: (name: string) => Promise<void>,
  signal: AbortSignal,
): Promise<string | undefined> {
  return withLock(join(cacheFolder('images'), 'claims.lock'), signal, async () => {
    let claimed: string | undefined
    const own = [`${hostLabel}=${hostname()}`, `${keyLabel}=${mark.key}`]
    for (const { name, labels } of await listIdleVolumes(engine, own)) {
      if (claimed === undefined && labels[settingsLabel] === mark.settings) {
        await claim(name)
        claimed = name
      } else {
        await removeVolume(engine, name)
      }
    }
    return claimed
  })
}

/** Only data that another run can continue with is kept at all. */
export function isExpired({ labels, createdMs }: Omit<IdleVolume, 'name'>, nowMs: number): boolean {
  return labels[keyLabel] === undefined || nowMs > createdMs + keptForMs
}

export interface IdleVolume {
  readonly name: string
  readonly labels: Labels
  readonly createdMs: number
}

/** Volumes of dead owners that no container mounts, such as one of a run that has taken the data over. */
async function listIdleVolumes(engine: Docker, label: readonly string[]): Promise<IdleVolume[]> {
  const { Volumes } = await engine.listVolumes({ filters: { label: [...label] } })
  const orphans = (Volumes ?? []).filter(({ Labels }) => isOrphan(Labels))
  const idle: IdleVolume[] = []
  for (const volume of orphans) {
    const { Name: name, Labels: labels } = volume
    const users = await engine.listContainers({ all: true, filters: { volume: [name] } })
    const { CreatedAt = '' } = volume as { CreatedAt?: string }
    if (users.length === 0) idle.push({ name, labels, createdMs: Date.parse(CreatedAt) || 0 })
  }
  return idle
}

/** Not an error if it is gone or being removed: another run may sweep at the same time. */
export async function removeContainer(engine: Docker, id: string): Promise<void> {
  try {
    await engine.getContainer(id).remove({ force: true, v: true })
  } catch (error) {
    if (!isStatus(error, 404, 409)) throw error
  }
}

export async function removeVolume(engine: Docker, name: string): Promise<void> {
  try {
    await engine.getVolume(name).remove()
  } catch (error) {
    if (!isStatus(error, 404, 409)) throw error
  }
}
