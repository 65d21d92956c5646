import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const binary = fileURLToPath(new URL('../../bin/simdgres.js', import.meta.url))

export interface CliResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunningCli {
  readonly process: ChildProcess
  readonly done: Promise<CliResult>
  /** Resolves when stderr holds the text; rejects if the process ends without it. */
  waitFor(text: string): Promise<void>
}

/** Starts the real binary, without a terminal. */
export function startCli(args: readonly string[], env: NodeJS.ProcessEnv = {}, cwd?: string): RunningCli {
  const child = spawn(process.execPath, [binary, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    ...(cwd !== undefined && { cwd }),
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const done = new Promise<CliResult>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, stdout, stderr }))
  })
  const waitFor = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => stderr.includes(text) && resolve()
      child.stderr.on('data', look)
      child.on('close', () => reject(new Error(`The run ended without "${text}":\n${stderr}`)))
      look()
    })
  return { process: child, done, waitFor }
}

export function runCli(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  cwd?: string,
): Promise<CliResult> {
  return startCli(args, env, cwd).done
}

interface ProcessInfo {
  readonly pid: number
  readonly parent: number
  readonly name: string
}

/** All processes a process has started, directly or not. */
export function listDescendants(root: number): ProcessInfo[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readProcess(Number(name)))
  const found: ProcessInfo[] = []
  const wanted = new Set([root])
  for (let before = -1; before !== found.length; ) {
    before = found.length
    for (const info of all) {
      if (!wanted.has(info.parent) || wanted.has(info.pid)) continue
      wanted.add(info.pid)
      found.push(info)
    }
  }
  return found
}

export function isAlive(pid: number): boolean {
  const [info] = readProcess(pid)
  return info !== undefined
}

/** Empty if the process is gone, or dead and waiting to be collected. */
function readProcess(pid: number): ProcessInfo[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [, name, state, parent] = /\((.*)\) (\S) (\d+)/s.exec(stat)!
    return state === 'Z' ? [] : [{ pid, parent: Number(parent), name: name! }]
  } catch {
    return []
  }
}
