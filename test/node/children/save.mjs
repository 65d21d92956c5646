// Saves a set of 8 MB again and again, and prints a line before each time; then the error it met, if any. argv: path, times
import { VectorSet } from '#src/vectors/vector-set.js'

const [path, times] = process.argv.slice(2)
const set = VectorSet.from(new Float32Array(2_000_000).fill(1), { dims: 100, metric: 'cosine' })
try {
  for (let i = 0; i < Number(times); i++) {
    if (times !== '1') console.log('saving')
    await set.save(path)
  }
} catch ({ code, message, hint }) {
  console.log(JSON.stringify({ code, message, hint }))
}
