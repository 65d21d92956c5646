import { requireEngine } from '../engine/engine.js'
import type { Stack, StackOptions } from './project.js'
import { RunningStack } from './running-stack.js'
import { findStackFolder } from './settings.js'

/**
 * The stack of a folder, running or not yet made.
 * @throws ERR_UNAVAILABLE without an engine, ERR_INVALID_ARGUMENT for wrong settings.
 */
export async function openStack(options: StackOptions): Promise<Stack> {
  await requireEngine()
  return new RunningStack({ ...options, folder: findStackFolder(options.folder) })
}
