import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'
import { describeFailure, runCommand } from '#src/system/command.js'
import { withLock } from '#src/system/file-lock.js'
import { reservePort } from '#src/system/free-port.js'
import { readAptSources } from '#src/targets/local/apt.js'

const folder = mkdtempSync(join(tmpdir(), 'simdgres-parts-'))
afterAll(() => rmSync(folder, { recursive: true }))
const signal = new AbortController().signal
const texts = { purpose: 'Testing', hint: 'Try again.' }

describe('sources of apt', () => {
  test('are read in both notations, with what decides whether they are believed', async () => {
    const etc = join(folder, 'apt')
    mkdirSync(join(etc, 'sources.list.d'), { recursive: true })
    writeFileSync(
      join(etc, 'sources.list'),
      [
        '# deb http://archive.invalid/debian off main',
        'deb [arch=amd64 signed-by=/keys/a.gpg] http://archive.invalid/debian bookworm main contrib # mine',
        'deb-src http://archive.invalid/debian bookworm main',
        'deb mirror+file:/etc/apt/list bookworm-updates main',
      ].join('\n'),
    )
    writeFileSync(
      join(etc, 'sources.list.d', 'debian.sources'),
      [
        '# comment',
        'Types: deb deb-src',
        'URIs: http://one.invalid http://two.invalid',
        'Suites: bookworm bookworm-updates',
        'Components: main',
        'Signed-By: /keys/b.gpg',
        '',
        'Enabled: no',
        'Types: deb',
        'URIs: http://off.invalid',
        'Suites: bookworm',
        'Components: main',
        '',
        'Types: deb',
        'URIs: http://three.invalid',
        'Suites: bookworm',
        'Components: main',
        'Signed-By:',
        ' -----BEGIN PGP PUBLIC KEY BLOCK-----',
        ' .',
        ' -----END PGP PUBLIC KEY BLOCK-----',
      ].join('\n'),
    )
    writeFileSync(join(etc, 'sources.list.d', 'ignored.save'), 'deb http://old.invalid bookworm main')
    const both = {
      suites: ['bookworm', 'bookworm-updates'],
      components: ['main'],
      options: ['signed-by=/keys/b.gpg'],
    }
    expect(await readAptSources(etc)).toEqual([
      {
        uri: 'http://archive.invalid/debian',
        suites: ['bookworm'],
        components: ['main', 'contrib'],
        options: ['signed-by=/keys/a.gpg'],
      },
      { uri: 'mirror+file:/etc/apt/list', suites: ['bookworm-updates'], components: ['main'], options: [] },
      { uri: 'http://one.invalid', ...both },
      { uri: 'http://two.invalid', ...both },
      { uri: 'http://three.invalid', suites: ['bookworm'], components: ['main'], options: [] },
    ])
  })
})

describe('commands', () => {
  test('resolve with what they print', async () => {
    expect(await runCommand('sh', ['-c', 'echo out; echo err >&2'], { ...texts, signal })).toBe('out\n')
  })

  test('that fail show their last lines and the next step', async () => {
    await expect(
      runCommand('sh', ['-c', 'echo the reason >&2; exit 7'], { ...texts, signal }),
    ).rejects.toMatchObject({
      code: 'ERR_UNAVAILABLE',
      message: expect.stringMatching(/Testing failed: sh exited with code 7\n\s+the reason/),
      hint: 'Try again.',
    })
  })

  test('that are not installed are named', async () => {
    await expect(runCommand('no-such-program', [], { ...texts, signal })).rejects.toMatchObject({
      code: 'ERR_UNAVAILABLE',
      message: expect.stringContaining('no-such-program'),
    })
  })

  test('take their children along when they are aborted', async () => {
    const file = join(folder, 'child.pid')
    const controller = new AbortController()
    const running = runCommand(
      'sh',
      ['-c', `sleep 60 & echo $! > ${file}.part; mv ${file}.part ${file}; wait`],
      {
        ...texts,
        signal: controller.signal,
      },
    )
    const outcome = expect(running).rejects.toMatchObject({ code: 'ERR_ABORTED' })
    while (!existsSync(file)) await sleep(10)
    controller.abort()
    await outcome
  })

  test('a full disk is not a broken build', () => {
    expect(describeFailure('It failed', 'x.c: No space left on device', 'Fix it.')).toMatchObject({
      code: 'ERR_RESOURCE',
      hint: expect.stringContaining('SIMDGRES_CACHE'),
    })
  })
})

describe('the lock', () => {
  test('lets one after another in', async () => {
    const file = join(folder, 'lock')
    const order: string[] = []
    const work = (name: string) => async () => {
      order.push(`${name} in`)
      await sleep(50)
      order.push(`${name} out`)
    }
    await Promise.all([withLock(file, signal, work('a')), withLock(file, signal, work('b'))])
    expect(order.map((entry) => entry.split(' ')[1])).toEqual(['in', 'out', 'in', 'out'])
  })

  test('is free again after its holder was killed', async () => {
    const file = join(folder, 'lock')
    const holder = spawn('flock', [file, 'sleep', '60'], { stdio: 'ignore', detached: true })
    await sleep(0)
    process.kill(-holder.pid!, 'SIGKILL')
    expect(await withLock(file, signal, async () => 'in')).toBe('in')
  })

  test('stops waiting on abort', async () => {
    const file = join(folder, 'lock')
    const controller = new AbortController()
    await withLock(file, signal, async () => {
      const waiting = withLock(file, controller.signal, async () => 'in')
      controller.abort()
      await expect(waiting).rejects.toMatchObject({ code: 'ERR_ABORTED' })
    })
  })
})

test('a reserved port is free, and the next one differs only if it is taken', async () => {
  const port = await reservePort()
  expect(port).toBeGreaterThan(0)
  expect(await reservePort(port)).toBe(port)
})
