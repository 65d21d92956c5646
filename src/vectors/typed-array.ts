/**
 * What a typed array really is. A subclass, a property of its own or another prototype can make `length`, `buffer` and
 * `instanceof` say anything; the accessors of the prototype that all typed arrays share read the array itself, of any
 * realm (another `vm` context, a test runner's).
 */

const prototype = Object.getPrototypeOf(Uint8Array.prototype) as object

function accessor<T>(name: string | symbol): (view: unknown) => T {
  const read = Object.getOwnPropertyDescriptor(prototype, name)?.get
  if (read === undefined) throw new Error(`typed arrays have no accessor ${String(name)}`)
  return (view) => Reflect.apply(read, view, []) as T
}

/** Elements; 0 where the buffer is detached. */
export const lengthOf = accessor<number>('length')
export const bufferOf = accessor<ArrayBufferLike>('buffer')
/** `Float32Array` and so on; undefined for what is no typed array. */
export const typeNameOf = accessor<string | undefined>(Symbol.toStringTag)
