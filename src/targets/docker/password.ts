import type { ComposeService } from '../../config/compose-schema.js'
import type { Engine } from '../../engine/engine.js'
import { runToEnd } from '../../engine/one-shot.js'
import { SimdgresError } from '../../errors.js'
import type { DeploySettings } from '../target.js'
import { createContainerOptions, type RunResources } from './container-options.js'

const shownLines = 10

/**
 * Sets a new password for the superuser while the server is down, because the killed run's password was not kept anywhere.
 * The single-user server first replays the log if the last server was killed.
 */
export async function replacePassword(
  engine: Engine,
  service: ComposeService,
  settings: DeploySettings,
  run: RunResources,
  login: { readonly user: string; readonly password: string },
  signal: AbortSignal,
): Promise<void> {
  const parameters = [
    // Otherwise a statement that fails would exit with code 0, and would be logged together with the password.
    ...['exit_on_error=on', 'log_statement=none', 'log_min_error_statement=panic'],
    ...['log_min_duration_statement=-1', 'unix_socket_directories='],
  ].flatMap((parameter) => ['-c', parameter])
  const options = createContainerOptions(service, settings, run)
  const plan = {
    options: {
      ...options,
      name: run.name,
      Entrypoint: ['postgres'],
      // The data folder is the image's PGDATA.
      Cmd: ['--single', ...parameters, 'postgres'],
      Healthcheck: { Test: ['NONE'] },
      HostConfig: { ...options.HostConfig, PortBindings: {} },
      OpenStdin: true,
      StdinOnce: true,
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
    },
    laterNetworks: {},
  }
  const role = `"${login.user.replaceAll('"', '""')}"`
  const stdin = `ALTER ROLE ${role} PASSWORD '${login.password}'\n`
  const { exitCode, stderr } = await runToEnd(engine, plan, { stdin, signal })
  if (exitCode === 0) return
  throw new SimdgresError(
    'ERR_UNAVAILABLE',
    `The data of a killed run cannot be opened (exit code ${exitCode}):\n${stderr.trim().split('\n').slice(-shownLines).join('\n')}`,
    'Remove its volume and run it again.',
  )
}
