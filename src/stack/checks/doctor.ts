import { createServer } from 'node:net'
import { recommendSettings, reviewSettings } from '../../config/recommended-settings.js'
import { findContainer } from '../../engine/apply-plan.js'
import { connectEngine, findEngineProblem, readHostSize } from '../../engine/engine.js'
import { readEngineFacts } from '../../engine/engine-facts.js'
import { findStackFolder, readSettings } from '../settings.js'
import type { StackOptions } from '../stack.js'
import { checkEngine } from './doctor-engine.js'
import { checkDiskSpace, checkKernel } from './doctor-host.js'
import { critical, type Finding, ok, warning } from './finding.js'

/** Looks at the machine: whether the stack can run here, and run well. Changes nothing. */
export async function examineHost({ folder, project }: StackOptions): Promise<Finding[]> {
  const problem = await findEngineProblem()
  if (problem !== undefined) {
    const hint =
      'Install and start Docker; set DOCKER_HOST where it listens elsewhere; join the group docker, or use sudo.'
    return [critical('engine', `none answers (${problem})`, hint)]
  }
  const engine = connectEngine()
  const stackFolder = findStackFolder(folder)
  const settings = readSettings(stackFolder, project)
  const facts = await readEngineFacts(engine)
  const isLocal = facts.isOfThisMachine
  return [
    ...checkEngine(facts),
    ...(await checkSettings(engine, settings)),
    await checkPort(settings, isLocal),
    ...(isLocal ? await checkKernel() : []),
    ...(isLocal ? await checkDiskSpace([facts.rootFolder, settings['STACK_DATA_DIR'] ?? '']) : []),
  ]
}

async function checkSettings(
  engine: ReturnType<typeof connectEngine>,
  settings: Readonly<Record<string, string>>,
): Promise<Finding[]> {
  const host = await readHostSize(engine)
  const reviews = reviewSettings(settings, recommendSettings(host), host)
  if (reviews.length === 0) return [ok('settings', 'fit this machine')]
  return reviews.map(({ name, value, recommended, isImpossible }) => {
    const check = `setting ${name}`
    const message = `${value}, recommended ${recommended}`
    const hint = 'Change it in .env, or run simdgres up --tune.'
    return isImpossible
      ? critical(check, `${message}: more than there is`, hint)
      : warning(check, message, hint)
  })
}

/** The stack itself may be using it. */
async function checkPort(settings: Readonly<Record<string, string>>, isLocal: boolean): Promise<Finding> {
  const port = Number(settings['STACK_PORT'] || 5433)
  const check = `port ${port}`
  const pooler = await findContainer(connectEngine(), `${settings['STACK_PROJECT']}-pgbouncer-1`)
  if (pooler && (await pooler.inspect()).State.Running) return ok(check, 'published by the stack')
  if (!isLocal || (await isFree(port))) return ok(check, 'free')
  return critical(check, 'in use by something else', 'Stop that, or: simdgres up --set STACK_PORT=<another>')
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
