import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { claimBuild, keptBuilds, lockOf, markBuilt, removeOldBuilds } from '#src/gate/commits/build-cache.js'
import { withLock } from '#src/system/file-lock.js'
import { findStartTime } from '#src/system/process-start.js'

let root: string
const { signal } = new AbortController()
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'simdgres-builds-'))
})
afterEach(() => rm(root, { recursive: true, force: true }))

const commitOf = (number: number) => String(number).repeat(40)

/** Built, and last used so many hours ago. */
async function build(number: number, hoursAgo: number): Promise<string> {
  const commit = commitOf(number)
  const folder = join(root, commit)
  await mkdir(folder)
  await markBuilt(folder)
  const usedAt = new Date(Date.now() - hoursAgo * 3_600_000)
  await utimes(join(folder, '.simdgres-built-2'), usedAt, usedAt)
  return commit
}

const listBuilds = async () => (await readdir(root)).filter((name) => /^[0-9a-f]{40}$/.test(name)).sort()

describe('built commits in the cache', () => {
  test('stay, the newest by their last use, so many as are kept', async () => {
    for (let number = 1; number <= 8; number++) await build(number, number)
    await claimBuild(root, commitOf(8))
    expect(await removeOldBuilds(root, signal)).toEqual([])
    expect(await listBuilds()).toEqual([1, 2, 3, 4, 8].map(commitOf))
    expect(keptBuilds).toBe(5)
  })

  test('stay while a process uses them, and go when it has ended', async () => {
    const [used, other] = [await build(1, 9), await build(2, 8)]
    const user = spawn('sleep', ['60'], { stdio: 'ignore' })
    try {
      await writeFile(join(root, `${used}.used-by-${user.pid}`), findStartTime(user.pid!)!)
      // Of a process that had the number of one that lives.
      await writeFile(join(root, `${other}.used-by-${user.pid}`), 'another start')
      await removeOldBuilds(root, signal, 0)
      expect(await listBuilds()).toEqual([used])
      expect(existsSync(join(root, `${other}.used-by-${user.pid}`))).toBe(false)
    } finally {
      user.kill()
      await once(user, 'exit')
    }
    await removeOldBuilds(root, signal, 0)
    expect(await listBuilds()).toEqual([])
    expect(existsSync(join(root, `${used}.used-by-${user.pid}`))).toBe(false)
  })

  test('are left alone while another process builds them, and what a killed build has left goes', async () => {
    const [busy, killed] = [commitOf(1), commitOf(2)].map((commit) => join(root, `${commit}.unfinished`))
    for (const folder of [busy!, killed!]) await mkdir(folder)
    await withLock(lockOf(root, commitOf(1)), signal, () => removeOldBuilds(root, signal))
    expect([busy, killed].map((folder) => existsSync(folder!))).toEqual([true, false])
  })
})
