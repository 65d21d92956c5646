import { benchProgram, buildAddon, buildBenches, buildDist, installModules, isAddonNeeded } from './build.mjs'
import { installPackages, missingEmulator, missingServer, missingToolchain } from './packages.mjs'
import { packageRoot, runNode, SetupError, say } from './shell.mjs'

/**
 * @typedef {object} Command
 * @property {boolean} addon the addon has to be built
 * @property {(args: string[]) => boolean | Promise<boolean>} server a PostgreSQL of this machine is needed
 * @property {boolean} emulator tests run kernels under another processor
 * @property {(args: string[]) => Promise<number>} start resolves with the exit code
 */

const never = () => false
const always = () => true

/** @type {Record<string, Command>} */
const commands = {
  test: { addon: true, server: testsUseServer, emulator: true, start: startTests },
  local: { addon: false, server: always, emulator: false, start: sayReady },
  'bench:kernels': {
    addon: true,
    server: never,
    emulator: false,
    start: (args) => startBench('kernels', args),
  },
  'bench:peers': { addon: true, server: never, emulator: false, start: (args) => startBench('peers', args) },
  bench: {
    addon: true,
    server: isLocalChosen,
    emulator: false,
    start: (args) => startCli(['bench', ...args]),
  },
}

/** Prepares the machine for `argv[0]` and runs it; resolves with the exit code. @param {string[]} argv */
export async function runSetup([name, ...args]) {
  if (name === undefined) {
    console.error(
      `setup: expected a command: ${Object.keys(commands).join(', ')}, or one of the command line`,
    )
    return 2
  }
  // Every other command of the command line needs the library alone; an unknown one is refused there, with its help.
  const command = commands[name] ?? {
    addon: false,
    server: never,
    emulator: false,
    start: (rest) => startCli([name, ...rest]),
  }
  try {
    await prepare(command, args)
    return await command.start(args)
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    say(error.message)
    return error.exitCode
  }
}

/** @param {Command} command @param {string[]} args */
async function prepare(command, args) {
  await installModules()
  await buildDist()
  const needsServer = await command.server(args)
  const chooseServer = needsServer ? await missingServer() : undefined
  const packages = [
    ...((command.addon && isAddonNeeded()) || needsServer ? missingToolchain() : []),
    ...(command.emulator ? missingEmulator() : []),
  ]
  if (packages.length > 0 || chooseServer) await installPackages(packages, chooseServer)
  if (command.addon) await buildAddon()
}

/** @param {string[]} args */
async function isLocalChosen(args) {
  if (args.some((arg) => arg === '--help' || arg === '--dry-run')) return false
  const target = optionValue(args, '--target') ?? 'auto'
  if (target !== 'auto') return target === 'local'
  const { DockerTarget } = await import(`${packageRoot}/dist/targets/docker.js`)
  return !(await DockerTarget.isEngineUp())
}

/** Projects of vitest that start a server; without --project all of them run. */
const serverProjects = ['pg', 'cli']

/** @param {string[]} args */
function testsUseServer(args) {
  const project = optionValue(args, '--project')
  return project === undefined || serverProjects.includes(project)
}

/** The value of `--name value` or `--name=value`. @param {string[]} args @param {string} name */
function optionValue(args, name) {
  const at = args.indexOf(name)
  return at >= 0 ? args[at + 1] : args.find((arg) => arg.startsWith(`${name}=`))?.slice(name.length + 1)
}

/** In this process, so that Ctrl-C has one handler. @param {string[]} args */
async function startCli(args) {
  const { main } = await import(`${packageRoot}/dist/cli/main.js`)
  return main(args)
}

/** @param {string[]} args */
function startTests(args) {
  return runNode(`${packageRoot}/node_modules/vitest/vitest.mjs`, ['run', ...args])
}

/** @param {string} name @param {string[]} args */
async function startBench(name, args) {
  await buildBenches(name)
  return runNode(benchProgram(name), args)
}

async function sayReady() {
  say('A PostgreSQL with server headers is installed: --target local can be used')
  return 0
}
