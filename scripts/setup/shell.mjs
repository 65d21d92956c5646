import { spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export const packageRoot = resolve(fileURLToPath(new URL('../..', import.meta.url)))

/** Lines of a failed tool's output that are shown: compilers say what is wrong first, apt and make last. */
const shownLines = { first: 12, last: 28 }

/** A failure the reader can do something about; `exitCode` as documented for the command line. */
export class SetupError extends Error {
  /** @param {string} message @param {number} exitCode */
  constructor(message, exitCode) {
    super(message)
    this.exitCode = exitCode
  }
}

/** stdout is for data: everything setup has to say goes to stderr. @param {string} message */
export function say(message) {
  process.stderr.write(`setup: ${message}\n`)
}

/**
 * Runs a tool quietly, says how long it took, and shows its output only if it fails.
 * @param {string} title what is being done, `Building the addon`
 * @param {string} command
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} [env] added to ours
 */
export async function runQuietly(title, command, args, env = {}) {
  say(`${title} ...`)
  const startedAt = performance.now()
  const chunks = []
  const { code, signal, error } = await runChild(command, args, {
    cwd: packageRoot,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    onOutput: (chunk) => chunks.push(chunk),
  })
  if (signal === 'SIGINT' || signal === 'SIGTERM') throw new SetupError(`${title}: stopped`, 130)
  if (error || code !== 0) {
    const why = error ? error.message : `exit code ${code ?? signal}`
    throw new SetupError(`${title} failed (${why}): ${command} ${args.join(' ')}\n${shorten(chunks)}`, 3)
  }
  say(`${title}: done in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`)
}

/** @param {Buffer[]} chunks of a tool's output */
function shorten(chunks) {
  const lines = Buffer.concat(chunks).toString().trimEnd().split('\n')
  const { first, last } = shownLines
  if (lines.length <= first + last) return lines.join('\n')
  return [
    ...lines.slice(0, first),
    `... ${lines.length - first - last} lines ...`,
    ...lines.slice(-last),
  ].join('\n')
}

/** Runs a program with our terminal and resolves with its exit code. @param {string} file @param {string[]} args */
export async function runNode(file, args) {
  const { code, signal } = await runChild(process.execPath, [file, ...args], {
    cwd: packageRoot,
    stdio: 'inherit',
  })
  return code ?? (signal === 'SIGINT' ? 130 : 1)
}

/**
 * While a child runs, Ctrl-C is the child's: the terminal sends it to both, and we go on to clean up after it.
 * SIGTERM reaches us alone and is passed on.
 */
async function runChild(command, args, { onOutput, ...options }) {
  const child = spawn(command, args, options)
  child.stdout?.on('data', onOutput)
  child.stderr?.on('data', onOutput)
  const onInterrupt = () => say('stopping')
  const onTerminate = () => child.kill('SIGTERM')
  process.on('SIGINT', onInterrupt).on('SIGTERM', onTerminate)
  try {
    return await new Promise((resolvePromise) => {
      child.once('error', (error) => resolvePromise({ error }))
      child.once('close', (code, signal) => resolvePromise({ code, signal }))
    })
  } finally {
    process.off('SIGINT', onInterrupt).off('SIGTERM', onTerminate)
  }
}

/** True if `name` is an executable file in PATH. @param {string} name */
export function isInstalled(name) {
  return (process.env.PATH ?? '').split(':').some((folder) => {
    try {
      accessSync(resolve(folder, name), constants.X_OK)
      return true
    } catch {
      return false // Not in this folder.
    }
  })
}
