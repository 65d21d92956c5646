// Moves a stack as a command does, and is killed where a step begins: killed-move.mjs '{"folder", "project", "kind", "step"}'
// With "isHeld": true it says so there, and goes on once its input ends.
import { once } from 'node:events'
import { changeStack } from '../../../dist/stack/change.js'
import { switchOver } from '../../../dist/stack/move/switchover.js'
import { findReadyVolume, restoreToTime, resumeServer } from '../../../dist/stack/restore/point-in-time.js'
import { restoreSet } from '../../../dist/stack/restore/restore.js'
import { rollBackUpgrade } from '../../../dist/stack/upgrade/rollback.js'
import { upgradeStack } from '../../../dist/stack/upgrade/upgrade.js'

const { folder, project, kind, step, target, repository = 1, isResumed, isHeld } = JSON.parse(process.argv[2])
const progress = { note: () => undefined, step: () => undefined }
const signal = new AbortController().signal
const options = {
  pauseLimitMs: 10_000,
  syncLimitMs: 120_000,
  observe: async (name) => {
    if (name !== step) return
    if (!isHeld) process.kill(process.pid, 'SIGKILL')
    process.stdout.write(`at ${step}\n`)
    await once(process.stdin.resume(), 'end')
  },
}
const moves = {
  restore: (stack) =>
    isResumed
      ? resumeServer(stack, findReadyVolume(stack), options)
      : restoreToTime(stack, target, { ...options, repository }),
  swap: (stack) => restoreSet(stack, { pause: options }),
  switchover: (stack) => switchOver(stack, options),
  upgrade: (stack) => upgradeStack(stack, { ...options, toMajor: '18', method: 'logical' }),
  rollback: (stack) => rollBackUpgrade(stack, options),
}
await changeStack({ folder, project, progress, signal }, moves[kind])
throw new Error(`${kind} did not come to "${step}"`)
