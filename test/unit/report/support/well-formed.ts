import { expect } from 'vitest'

/** Every element that is opened is closed, in order. */
export function expectWellFormed(html: string): void {
  const open: string[] = []
  for (const [, end, name, self] of html.matchAll(/<(\/?)([a-z0-9]+)[^>]*?(\/?)>/g)) {
    if (name === 'meta' || self === '/') continue
    if (end === '') open.push(name!)
    else expect(open.pop()).toBe(name)
  }
  expect(open).toEqual([])
}
