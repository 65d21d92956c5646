import type { Arm } from '../measure/arm.js'
import type { PathChoice } from '../measure/corpora.js'
import type { Control, Experiment } from '../measure/experiment.js'
import { createTarget } from '../targets/choose.js'
import type { Settings } from './points.js'
import type { TuneRequest } from './request.js'
import { TunedServer } from './tuned-server.js'

export interface Deployment {
  readonly experiment: Experiment
  readonly name: string
  readonly paths: readonly PathChoice[]
  /** Beside the present settings, from the first start on. */
  readonly server?: Settings
}

/** A server with the present settings, its data loaded and its indexes built. */
export function deployServer(
  request: TuneRequest,
  { experiment, name, paths, server = {} }: Deployment,
  control: Control,
): Promise<TunedServer> {
  const { settings, threads } = request
  return TunedServer.deploy({
    experiment,
    ...control,
    describeArm: async (): Promise<Arm> => ({
      name,
      // The data of the one is not that of the other.
      target: await createTarget(request.target, {
        ...control,
        ...(control.resumeKey !== undefined && { resumeKey: `${control.resumeKey}-${name}` }),
      }),
      settings: { ...settings, parameters: { ...settings.parameters, ...server } },
      paths,
      threads,
    }),
  })
}
