// Deploys as the harness does: Ctrl-C aborts. Argument: the phase to announce, `starting` or `deployed`.
import { DockerTarget } from '#src/targets/docker/docker-target.js'

const phase = process.argv[2]
const controller = new AbortController()
process.once('SIGINT', () => controller.abort())
const announce = () => console.log('ready to be stopped')
const progress = {
  note: (text) => {
    if (phase === 'starting' && text.startsWith('starting the container')) announce()
  },
  step: () => undefined,
}

const target = new DockerTarget({ progress, signal: controller.signal })
try {
  await target.deploy({})
  announce()
  await new Promise((resolve) => {
    // A listener alone does not keep the process alive.
    const timer = setTimeout(resolve, 60_000)
    controller.signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
} catch (error) {
  console.log(error.code)
} finally {
  await target.stop()
}
process.exitCode = controller.signal.aborted ? 130 : 1
