// Embeds 2,000 texts into the folder of argv[2], 8 in 20 ms: the test kills it on the way.
import { setTimeout as sleep } from 'node:timers/promises'
import { embedAll } from '../../../../dist/datasets/sources/embedding-run.js'

const texts = Array.from({ length: 2000 }, (_, index) => `text ${index}`)
await embedAll({
  name: 'slow',
  texts,
  dims: 4,
  folder: process.argv[2],
  threads: 2,
  startEmbedder: async () => ({
    embed: async (wanted) => {
      await sleep(20)
      return Float32Array.from(wanted.flatMap((text) => [Number(text.slice(5)) / 4096, 0, 0, 0]))
    },
    close: async () => undefined,
  }),
  progress: { note: () => undefined, step: () => undefined },
  signal: undefined,
})
