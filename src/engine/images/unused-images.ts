import type Docker from 'dockerode'
import { engineError, isStatus } from '../engine.js'
import { baseRepository } from './base-image.js'
import { originLabel } from './fresh-base.js'
import { contentLabel } from './image.js'
import { stageLabel } from './stage-labels.js'

/** Another command may be about to use what it has just made. */
const youngestMs = 24 * 3600 * 1000

/**
 * Removes what builds on fresh bases have replaced: images of services that have lost their name, stages that were left behind,
 * then bases on which no image stands any more. Only what this program made, that is a day old, and that no container uses.
 * @param keep the base that is in use.
 * @returns names of bases and ids of images that were removed.
 */
export async function removeUnusedImages(
  engine: Docker,
  keep: string,
  nowMs = Date.now(),
): Promise<readonly string[]> {
  try {
    const nameless = await removeNameless(engine, nowMs)
    return [...nameless, ...(await removeBases(engine, keep, nowMs))]
  } catch (error) {
    throw engineError(error, 'removing images that are not used any more')
  }
}

async function removeNameless(engine: Docker, nowMs: number): Promise<string[]> {
  const used = await listUsed(engine)
  const removed: string[] = []
  for (const { Id, Created } of await engine.listImages({ filters: { dangling: ['true'] } })) {
    if (used.has(Id) || nowMs - Created * 1000 < youngestMs) continue
    if (!(await endsWithLabel(engine, Id, [contentLabel, stageLabel]))) continue
    if (await remove(engine, Id)) removed.push(Id)
  }
  return removed
}

/** Whether one of these labels was the last step of its build. An image that somebody has made from ours inherits them. */
async function endsWithLabel(engine: Docker, id: string, labels: readonly string[]): Promise<boolean> {
  try {
    const [last] = (await engine.getImage(id).history()) as { readonly CreatedBy?: string }[]
    const label = /^(?:\/bin\/sh -c #\(nop\)\s+)?LABEL ([^= ]+)=\S+$/.exec(last?.CreatedBy?.trim() ?? '')?.[1]
    return label !== undefined && labels.includes(label)
  } catch (error) {
    if (isStatus(error, 404)) return false
    throw error
  }
}

async function removeBases(engine: Docker, keep: string, nowMs: number): Promise<string[]> {
  const named = await engine.listImages({ filters: { label: [originLabel], reference: [baseRepository] } })
  const old = named.flatMap(({ Id, RepoTags }) => {
    return (RepoTags ?? []).map((name) => ({ id: Id, name })).filter(({ name }) => isOld(name, nowMs))
  })
  const candidates = old.filter(({ name }) => name !== keep)
  if (candidates.length === 0) return []
  const used = await listUsed(engine)
  const layers = new Map<string, string>()
  for (const { Id, RepoTags } of await engine.listImages()) {
    // A stage that is too young to be removed keeps the layers of its base, which need no name for that.
    const isStage = (RepoTags ?? []).every(isNoName) && (await endsWithLabel(engine, Id, [stageLabel]))
    if (!isStage) layers.set(Id, await readLayers(engine, Id))
  }
  const removed: string[] = []
  for (const { id, name } of candidates) {
    const own = layers.get(id) ?? ''
    const isStoodOn = [...layers].some(([other, all]) => other !== id && own !== '' && all.startsWith(own))
    if (used.has(id) || own === '' || isStoodOn) continue
    if (await remove(engine, name)) removed.push(name)
  }
  return removed
}

/** As some engines name what has no name. */
function isNoName(name: string): boolean {
  return name === '<none>:<none>'
}

/** By the time in its name: a base whose packages were up to date has the age of the one that it was made from. */
function isOld(name: string, nowMs: number): boolean {
  const match = /:(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(name)
  if (!match) return false
  const [, year, month, day, hour, minute, second] = match
  return nowMs - Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`) >= youngestMs
}

/** Ids of images of all containers, running or not. */
async function listUsed(engine: Docker): Promise<Set<string>> {
  return new Set((await engine.listContainers({ all: true })).map(({ ImageID }) => ImageID))
}

/** Of an image that is gone meanwhile, none. */
async function readLayers(engine: Docker, id: string): Promise<string> {
  try {
    const { RootFS } = await engine.getImage(id).inspect()
    return (RootFS.Layers ?? []).map((layer) => `${layer} `).join('')
  } catch (error) {
    if (isStatus(error, 404)) return ''
    throw error
  }
}

/** Whether it was removed. The engine refuses what is in use. */
async function remove(engine: Docker, image: string): Promise<boolean> {
  try {
    await engine.getImage(image).remove()
    return true
  } catch (error) {
    if (isStatus(error, 404, 409)) return false
    throw error
  }
}
