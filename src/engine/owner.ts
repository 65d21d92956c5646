import { hostname } from 'node:os'
import type Docker from 'dockerode'
import type { Progress } from '../progress.js'
import { findStartTime } from '../system/process-start.js'
import { engineError, isStatus } from './engine.js'

/**
 * Every container and volume of a run says by labels which process owns it. A process that was killed (kill -9, power)
 * cannot clean up; the next run does, for owners of this host that are gone.
 */
const hostLabel = 'io.simdgres.owner.host'
const pidLabel = 'io.simdgres.owner.pid'
const startLabel = 'io.simdgres.owner.start'

export function ownerLabels(pid = process.pid): Record<string, string> {
  return { [hostLabel]: hostname(), [pidLabel]: String(pid), [startLabel]: findStartTime(pid) ?? '' }
}

function isOrphan(labels: Readonly<Record<string, string>> | undefined): boolean {
  const pid = Number(labels?.[pidLabel])
  return Number.isInteger(pid) && pid > 0 && findStartTime(pid) !== labels?.[startLabel]
}

/** Removes containers and volumes whose owner is gone. */
export async function removeOrphans(engine: Docker, progress: Progress): Promise<void> {
  const filters = { label: [`${hostLabel}=${hostname()}`] }
  try {
    for (const { Id, Names, Labels } of await engine.listContainers({ all: true, filters })) {
      if (!isOrphan(Labels)) continue
      progress.note(`removing the container ${Names[0] ?? Id} of a run that was killed`)
      await removeContainer(engine, Id)
    }
    const { Volumes } = await engine.listVolumes({ filters })
    for (const { Name, Labels } of Volumes ?? []) {
      if (isOrphan(Labels)) await removeVolume(engine, Name)
    }
  } catch (error) {
    throw engineError(error, 'removing what an earlier run left')
  }
}

/** No error where it is gone, or going: another run may sweep at the same time. */
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
