import { invalidArgument } from '../errors.js'
import type { ComposeFile, ComposeService } from './compose-schema.js'

/** Of .env: where alerts go. It may hold a token, so it is in no message and in no container's environment. */
export const alertSetting = 'ALERT_WEBHOOK_URL'
/** Below the stack's secrets folder, and in Alertmanager's container below /run/secrets. */
export const alertTargetFile = 'alert_webhook_url'

/** Of a service that nobody can switch on: no list of profiles holds an empty name. */
export const noProfile = ''

const alertmanager = 'alertmanager'
/** Alertmanager has to get out; nothing else of the monitoring does. */
const wayOut = 'edge'

/** Undefined where alerts go nowhere. @throws ERR_INVALID_ARGUMENT */
export function readAlertTarget(values: Readonly<Record<string, string>>): URL | undefined {
  const text = values[alertSetting]
  if (!text) return undefined
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw invalidArgument(alertSetting, 'an address that begins with http:// or https://', 'another text')
  }
  return url
}

/** Without a target there is no Alertmanager, and Prometheus looks for none. */
export function addAlertTarget(compose: ComposeFile, values: Readonly<Record<string, string>>): ComposeFile {
  const present = compose.services[alertmanager]
  const prometheus = compose.services['prometheus']
  if (present === undefined || prometheus === undefined) return compose
  const changed: Readonly<Record<string, ComposeService>> =
    readAlertTarget(values) === undefined
      ? // Still a service, so that `up` removes the container of before.
        { [alertmanager]: { ...present, profiles: [noProfile] } }
      : {
          [alertmanager]: {
            ...present,
            networks: { ...present.networks, [wayOut]: { aliases: [] } },
          },
          prometheus: {
            ...prometheus,
            environment: { ...prometheus.environment, ALERTMANAGER: `${alertmanager}:9093` },
          },
        }
  return { ...compose, services: { ...compose.services, ...changed } }
}
