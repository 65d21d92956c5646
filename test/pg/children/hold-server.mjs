// Deploys a server, prints its port as one line, and holds it until it is killed.
import { LocalTarget } from '#src/targets/local/local-target.js'

const progress = { note: () => undefined, step: () => undefined }
const target = new LocalTarget({ progress, signal: new AbortController().signal })
const { port } = await target.deploy({})
console.log(port)
setInterval(() => undefined, 60_000)
