import { describe, expect, test } from 'vitest'
import { nameArm, parseArm } from '#src/gate/arm-spec.js'

describe('an arm', () => {
  test.each([
    ['work-tree', { kind: 'work-tree', parameters: {} }],
    ['git:main', { kind: 'git', ref: 'main', parameters: {} }],
    [
      'git:HEAD~1+shared_buffers=64MB',
      { kind: 'git', ref: 'HEAD~1', parameters: { shared_buffers: '64MB' } },
    ],
    [
      'image:a/b:1+Jit=on+work_mem=1MB',
      { kind: 'image', name: 'a/b:1', parameters: { jit: 'on', work_mem: '1MB' } },
    ],
    // A plus that begins no setting belongs to the name.
    ['git:feature/a+b', { kind: 'git', ref: 'feature/a+b', parameters: {} }],
  ])('%s', (text, spec) => {
    expect(parseArm('--base', text)).toEqual(spec)
  })

  test.each(['', 'main', 'git:', 'git:--output=x', 'docker:x', 'url:postgres://h/d+jit=on'])(
    'is not "%s"',
    (text) => {
      expect(() => parseArm('--head', text)).toThrow(
        expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', message: expect.stringContaining('--head') }),
      )
    },
  )

  test('is named without its password', () => {
    const spec = parseArm('--base', 'url:postgres://me:secret@h:5/d')
    expect(nameArm(spec)).toBe('url:postgres://h:5/d')
    expect(nameArm(parseArm('--base', 'image:a+jit=on'))).toBe('image:a+jit=on')
  })
})
