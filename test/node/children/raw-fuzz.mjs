// Calls the raw addon with arguments at random. argv: seed, calls. A wrong answer, or an error that has no reason, ends it
// with code 1; a fault of memory with a signal.
import { addon } from '#src/vectors/addon.js'
import { createRandom } from './random.mjs'

const [seed, calls] = process.argv.slice(2).map(Number)
const native = addon()

const { random, below, pick } = createRandom(seed)

const arrays = [
  Float32Array,
  Float32Array,
  Float32Array,
  Int8Array,
  Uint8Array,
  Uint16Array,
  Uint32Array,
  Float64Array,
  Uint8ClampedArray,
  BigInt64Array,
]

function view() {
  const Type = pick(arrays)
  const bytes = Type.BYTES_PER_ELEMENT
  const length = pick([0, 1, 2, 3, 4, 4, 8, 12, 16, 64, 1000])
  const most = (length + 4) * bytes
  const buffer = pick([
    () => new ArrayBuffer(most),
    () => new SharedArrayBuffer(most),
    () => new ArrayBuffer(most, { maxByteLength: most * 2 }),
    () => new SharedArrayBuffer(most, { maxByteLength: most * 2 }),
  ])()
  const made = random() < 0.2 ? new Type(buffer) : new Type(buffer, below(4) * bytes, length)
  if (!(made instanceof BigInt64Array)) for (let i = 0; i < made.length; i++) made[i] = below(7) - 3
  return disguise(made, buffer)
}

/** What ordinary JavaScript can make of an array. */
function disguise(made, buffer) {
  switch (below(12)) {
    case 0:
      return Object.defineProperty(made, 'length', { value: pick([0, 1, 1e9, -1, Number.NaN]) })
    case 1:
      return Object.setPrototypeOf(made, pick([Float32Array.prototype, Uint32Array.prototype, null]))
    case 2:
      return new Proxy(made, {})
    case 3:
      if (buffer instanceof ArrayBuffer) structuredClone(buffer, { transfer: [buffer] })
      return made
    case 4:
      if (buffer.growable) buffer.grow(buffer.maxByteLength)
      else if (buffer.resizable) buffer.resize(pick([0, 1, buffer.maxByteLength]))
      return made
    case 5:
      return Object.freeze(Object.create(made))
    default:
      return made
  }
}

const numbers = [0, 1, 1, 2, 3, 4, 4, 5, 8, 64, 1024, 65536, 65537, 2 ** 31, 2 ** 32, 2 ** 53, 2 ** 64, 1e300]
const oddities = [-1, -0, 0.5, Number.NaN, Infinity, -Infinity, undefined, null, true, '4', 4n, Symbol('4')]
const thrower = {
  valueOf() {
    throw new Error('valueOf')
  },
}

const handles = []
const forged = [
  {},
  { rows: 1 },
  [],
  () => 1,
  thrower,
  new Map(),
  new DataView(new ArrayBuffer(4)),
  Promise.resolve(),
]

function handle() {
  const one = handles.length > 0 && random() < 0.8 ? pick(handles) : pick(forged)
  return random() < 0.05 ? pick([Object.create(one), new Proxy(one, {}), { ...one }]) : one
}

const number = () => (random() < 0.9 ? pick(numbers) : pick(oddities))
const small = () => (random() < 0.8 ? pick([1, 1, 2, 3, 4]) : number())
const anything = () => pick([view, handle, number])()
/** A text would name a file. */
function noPath() {
  const made = anything()
  return typeof made === 'string' ? undefined : made
}
const or = (make) => (random() < 0.95 ? make() : anything())

/** Often one that fits a small set. */
const filter = () =>
  pick([
    () => undefined,
    () => new Uint8Array([below(256)]),
    () => Uint32Array.from({ length: 1 + below(4) }, () => below(4)),
    view,
    anything,
  ])()

const radius = () => (random() < 0.5 ? undefined : random() < 0.8 ? below(20) - 5 : anything())

const keep = (made) => {
  handles.push(made)
  if (handles.length > 60) handles.splice(below(handles.length), 1)
}
const pending = new Set()
const counts = { calls: 0, refused: 0, searched: 0 }

/** What a file is refused for has a code of its own. */
function wait(opened) {
  const settled = opened
    .then(() => Promise.reject(new Error('there is such a file')))
    .catch((error) => {
      if (!/^ERR_(UNAVAILABLE|CORRUPT_DATA|INVALID_ARGUMENT|RESOURCE)$/.test(error?.code)) throw error
    })
    .finally(() => pending.delete(settled))
  pending.add(settled)
}

/** A set whose rows are known, searched for one of them: every other answer is wrong. */
function searchKnown() {
  const dims = 1 + below(20)
  const rows = 1 + below(40)
  const data = Float32Array.from({ length: rows * dims }, () => random() - 0.5)
  const set = native.createSet(data, dims, 0, below(2))
  const row = below(rows)
  const result = native.searchSync(
    set,
    data.subarray(row * dims, (row + 1) * dims),
    1 + below(rows),
    1 + below(3),
  )
  const ids = new Uint32Array(result.count)
  const distances = new Float64Array(result.count)
  native.takeResult(result, ids, distances)
  if (ids[0] !== row || distances[0] !== 0)
    throw new Error(`row ${row} was not found: ${ids} at ${distances}`)
  const within = native.searchSync(set, data, rows, 1 + below(3), undefined, distances.at(-1))
  const offsets = new Uint32Array(rows + 1)
  const near = new Uint32Array(within.count)
  native.takeResult(within, near, new Float64Array(within.count), offsets)
  const own = near.subarray(offsets[row], offsets[row + 1])
  if (ids.some((id) => !own.includes(id))) throw new Error(`rows of ${ids} are not within: ${own}`)
  counts.searched++
  keep(set)
}

/** Rows that come, go and change, searched for one that is there: it is found, and none that is gone. */
function changeKnown() {
  const dims = 1 + below(20)
  const vector = () => Float32Array.from({ length: dims }, () => random() - 0.5)
  const rows = Array.from({ length: random() < 0.1 ? 520 : 1 + below(40) }, vector)
  const set = native.createSet(
    Float32Array.from(rows.flatMap((row) => [...row])),
    dims,
    below(2) * 3,
    below(2),
  )
  for (let change = below(80); change > 0; change--) {
    const id = below(rows.length)
    const made = vector()
    const kind = below(4)
    if (kind > 1) rows[native.addRows(set, made)] = made
    else if (kind === 1 && native.removeRows(set, Uint32Array.of(id)) === 1) rows[id] = undefined
    else if (kind === 0 && rows[id] !== undefined) {
      native.setRow(set, id, made)
      rows[id] = made
    }
  }
  const there = rows.flatMap((row, id) => (row ? [id] : []))
  if (native.sizeOf(set).size !== there.length) throw new Error(`${there.length} rows are there`)
  if (there.length === 0) return
  const id = pick(there)
  const result = native.searchSync(set, rows[id], 1 + below(rows.length), 1 + below(3))
  const ids = new Uint32Array(result.count)
  native.takeResult(result, ids, new Float64Array(result.count))
  if (ids[0] !== id || ids.some((one) => rows[one] === undefined))
    throw new Error(`row ${id} was not found: ${ids}`)
  counts.searched++
  keep(set)
}

const actions = {
  createSet: () =>
    keep(
      native.createSet(
        or(view),
        or(small),
        or(() => below(5)),
        or(() => below(2)),
      ),
    ),
  beginSet: () =>
    keep(
      native.beginSet(
        or(view),
        or(small),
        or(() => below(5)),
        or(() => below(2)),
      ),
    ),
  fillSet: () => native.fillSet(or(handle), or(view)),
  startBuild() {
    const { done, token } = native.startBuild(or(handle))
    keep(token)
    const settled = done
      .then((set) => set && keep(set))
      .catch((error) => {
        if (error?.code !== 'ERR_INVALID_ARGUMENT') throw error
      })
      .finally(() => pending.delete(settled))
    pending.add(settled)
    if (random() < 0.3) native.cancelSearch(token)
  },
  dropBuild: () => random() < 0.2 && native.dropBuild(handle()),
  progress: () => native.progress(handle()),
  buildKnown() {
    const data = new Float32Array(12).fill(1)
    const build = native.beginSet(data, 3, 0, below(2))
    keep(build)
    if (random() < 0.8) native.fillSet(build, data)
  },
  sizeOf: () => native.sizeOf(or(handle)),
  addRows: () => native.addRows(or(handle), or(view)),
  removeRows: () =>
    native.removeRows(
      or(handle),
      or(() => Uint32Array.from({ length: 1 + below(4) }, () => below(6))),
    ),
  setRow: () =>
    native.setRow(
      or(handle),
      or(() => below(5)),
      or(view),
    ),
  /** None succeeds: there are no such files. */
  openSet: () =>
    native.openSet(
      noPath(),
      or(() => below(2)),
    ),
  startOpen: () =>
    wait(
      native.startOpen(
        pick(['/none/set', '/dev/null', noPath()]),
        or(() => below(2)),
      ),
    ),
  saveSet: () => wait(native.saveSet(or(handle), pick(['/none/set', '/dev', noPath()]))),
  closeSet: () => random() < 0.2 && native.closeSet(handle()),
  searchSync: () => keep(native.searchSync(or(handle), or(view), or(small), or(small), filter(), radius())),
  startSearch() {
    const { done, token } = native.startSearch(or(handle), or(view), or(small), or(small), filter(), radius())
    keep(token)
    const settled = done.then((result) => result && keep(result)).finally(() => pending.delete(settled))
    pending.add(settled)
    if (random() < 0.3) native.cancelSearch(token)
  },
  cancelSearch: () => native.cancelSearch(handle()),
  takeResult() {
    const count = pick([1, 2, 4, 8, 16])
    native.takeResult(
      or(handle),
      or(() => new Uint32Array(count)),
      or(() => new Float64Array(count)),
      pick([undefined, new Uint32Array(pick([1, 2, 3, 5])), view()]),
    )
  },
  distance: () =>
    native.distance(
      or(() => below(7)),
      or(() => below(5)),
      or(view),
      or(view),
    ),
  norm: () =>
    native.norm(
      or(() => below(5)),
      or(view),
    ),
  searchKnown,
  changeKnown,
}
const names = Object.keys(actions)

for (; counts.calls < calls; counts.calls++) {
  const name = pick(names)
  try {
    actions[name]()
  } catch (error) {
    if (error?.code !== 'ERR_INVALID_ARGUMENT') {
      throw new Error(`call ${counts.calls} of ${name}, seed ${seed}: an error without a reason`, {
        cause: error,
      })
    }
    counts.refused++
  }
  if (counts.calls % 500 === 0) await Promise.all(pending)
}
await Promise.all(pending)
process.stdout.write(JSON.stringify(counts))
