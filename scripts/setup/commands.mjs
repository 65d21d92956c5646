import { benchProgram, buildAddon, buildBenches, buildDist, installModules, isAddonNeeded } from './build.mjs'
import { installPackages, missingEmulator, missingServer, missingToolchain } from './packages.mjs'
import { packageRoot, runNode, SetupError, say } from './shell.mjs'

/**
 * @typedef {object} Needs
 * @property {boolean} addon the addon has to be built
 * @property {boolean} server a PostgreSQL of this machine is needed
 */

/**
 * @typedef {object} Command
 * @property {(args: string[]) => Needs | Promise<Needs>} needs asked when the library is built
 * @property {boolean} emulator tests run kernels under another processor
 * @property {(args: string[]) => Promise<number>} start resolves with the exit code
 */

const nothing = { addon: false, server: false }
const addonOnly = { addon: true, server: false }

/** @type {Record<string, Command>} */
const commands = {
  test: {
    needs: (args) => ({ addon: true, server: testsUseServer(args) }),
    emulator: true,
    start: startTests,
  },
  local: { needs: () => ({ addon: false, server: true }), emulator: false, start: sayReady },
  'bench:kernels': {
    needs: () => addonOnly,
    emulator: false,
    start: (args) => startBench('kernels', args),
  },
  'bench:peers': { needs: () => addonOnly, emulator: false, start: (args) => startBench('peers', args) },
  'bench:harness': {
    needs: (args) => askLibrary(targetOf(args)),
    emulator: false,
    start: (args) => startBench('harness', args),
  },
  bench: { needs: askLibrary, emulator: false, start: (args) => startCli(['bench', ...args]) },
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
    needs: () => nothing,
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
  const { addon, server } = await command.needs(args)
  const chooseServer = server ? await missingServer() : undefined
  const packages = [
    ...((addon && isAddonNeeded()) || server ? missingToolchain() : []),
    ...(command.emulator ? missingEmulator() : []),
  ]
  if (packages.length > 0 || chooseServer) await installPackages(packages, chooseServer)
  if (addon) await buildAddon()
}

/** What the arguments mean is the command line's to say. @param {string[]} args @returns {Promise<Needs>} */
async function askLibrary(args) {
  const { findBenchNeeds } = await import(`${packageRoot}/dist/cli/commands/bench/needs.js`)
  return findBenchNeeds(args)
}

/** Projects of vitest that start a server; without --project all of them run. */
const serverProjects = ['pg', 'cli']

/** @param {string[]} args */
function testsUseServer(args) {
  const project = optionValue(args, '--project')
  return project === undefined || serverProjects.includes(project)
}

/** Its target alone, as arguments of `bench`. @param {string[]} args */
function targetOf(args) {
  const target = optionValue(args, '--target')
  return target === undefined ? [] : ['--target', target]
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
