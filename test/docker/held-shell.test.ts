import type { Container } from 'dockerode'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { HeldShells } from '#src/engine/held-shell.js'
import { until } from '../stack/until.js'
import { describeWithEngine, Sandbox } from './sandbox.js'

const never = new AbortController().signal
const waitLimitMs = 60_000

await describeWithEngine('short commands in a running container', () => {
  const sandbox = new Sandbox()
  let container: Container
  beforeAll(async () => {
    container = await sandbox.start({
      change: (options) => {
        options.Entrypoint = ['sleep', '600']
        options.Cmd = []
      },
    })
  })
  afterAll(() => sandbox[Symbol.asyncDispose]())

  const run = (shells: HeldShells, argv: readonly string[], stdin = '', signal = never) =>
    shells.run(container, 'box', { argv, stdin, signal })
  const processes = async (): Promise<readonly string[]> => {
    const { Processes } = (await container.top({ ps_args: '-eo pid,args' })) as { Processes: string[][] }
    return Processes.map(([, args]) => args!)
  }

  test('are run by one shell, with their input, outputs and exit codes', async () => {
    const shells = new HeldShells()
    const parent = async () => (await run(shells, ['sh', '-c', 'echo $PPID'])).stdout
    const first = await parent()
    expect(await run(shells, ['cat'], "it's\n$HOME äöü\\n\n")).toEqual({
      exitCode: 0,
      stdout: "it's\n$HOME äöü\\n\n",
      stderr: '',
    })
    expect(
      await run(shells, ['sh', '-c', 'printf %s "$1"; echo no >&2; exit 3', 'sh', "a 'b'\n$c\0"]),
    ).toEqual({
      exitCode: 3,
      stdout: "a 'b'\n$c",
      stderr: 'no\n',
    })
    expect(await run(shells, ['no-such-program'])).toMatchObject({ exitCode: 127, stdout: '' })
    expect(await parent()).toBe(first)
  })

  test('take nothing of the input that another one left, nor of its output', async () => {
    const shells = new HeldShells()
    const long = 'x'.repeat(1 << 20)
    expect(await run(shells, ['head', '-c', '1'], long)).toMatchObject({ exitCode: 0, stdout: 'x' })
    expect((await run(shells, ['cat'], long)).stdout).toBe(`${long}\n`)
    const bytes = await run(shells, ['sh', '-c', 'printf "a\\000b \\035c 0 "'])
    expect(bytes.stdout).toBe('a\0b \x1dc 0 ')
  })

  test('run beside each other', async () => {
    const shells = new HeldShells()
    const meet = 'mkdir /tmp/$0 && until test -d /tmp/$1; do sleep 0.05; done; echo met'
    const both = await Promise.all([
      run(shells, ['sh', '-c', meet, 'left', 'right']),
      run(shells, ['sh', '-c', meet, 'right', 'left']),
    ])
    expect(both.map(({ stdout }) => stdout)).toEqual(['met\n', 'met\n'])
  })

  test('an abort ends the command, and is no end of the next', async () => {
    const shells = new HeldShells()
    const abort = new AbortController()
    const waiting = run(shells, ['sleep', '333'], '', abort.signal)
    await until(async () => (await processes()).includes('sleep 333'), waitLimitMs, 'sleep runs')
    abort.abort()
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_ABORTED' })
    await until(async () => !(await processes()).includes('sleep 333'), waitLimitMs, 'sleep is ended')
    expect(await run(shells, ['echo', 'here'])).toMatchObject({ stdout: 'here\n' })
    await expect(run(shells, ['true'], '', abort.signal)).rejects.toMatchObject({ code: 'ERR_ABORTED' })
  })

  test('find the container restarted, paused and stopped', async () => {
    const shells = new HeldShells()
    expect(await run(shells, ['echo', '1'])).toMatchObject({ stdout: '1\n' })
    await container.restart({ t: 0 })
    expect(await run(shells, ['echo', '2'])).toMatchObject({ stdout: '2\n' })
    await container.pause()
    await expect(run(shells, ['echo', '3'])).rejects.toMatchObject({ code: 'ERR_UNAVAILABLE' })
    await container.unpause()
    expect(await run(shells, ['echo', '4'])).toMatchObject({ stdout: '4\n' })
    const interrupted = run(shells, ['sleep', '333']).then(
      ({ exitCode }) => exitCode,
      (error: { code: string }) => error.code,
    )
    await until(async () => (await processes()).includes('sleep 333'), waitLimitMs, 'sleep runs')
    await container.restart({ t: 0 })
    // Which of the two depends on whether the engine still knows of the command when it is asked.
    expect([137, -1, 'ERR_UNAVAILABLE']).toContain(await interrupted)
    const killed = run(shells, ['sleep', '333'])
    await until(async () => (await processes()).includes('sleep 333'), waitLimitMs, 'sleep runs')
    await container.kill()
    expect((await killed).exitCode).not.toBe(0)
    await expect(run(shells, ['echo', '5'])).rejects.toMatchObject({ code: 'ERR_UNAVAILABLE' })
  })
})
