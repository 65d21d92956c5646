import type { Stack } from '../../src/stack/project.js'
import type { MoveStacks } from '../../src/stack/switchover.js'
import type { StackSandbox } from './stack-sandbox.js'

/** The stack as a command finds it. */
export async function openStacks(sandbox: StackSandbox): Promise<MoveStacks> {
  return { stack: await sandbox.open(), steady: await sandbox.open() }
}

/** `stack`, with some of its methods replaced: for failures that cannot be had otherwise at the right moment. */
export function replaceMethods(stack: Stack, methods: Partial<Stack>): Stack {
  return new Proxy(stack, {
    get(target, name) {
      if (name in methods) return Reflect.get(methods, name)
      const own: unknown = Reflect.get(target, name)
      return typeof own === 'function' ? own.bind(target) : own
    },
  })
}
