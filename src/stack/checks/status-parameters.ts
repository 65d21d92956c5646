import { joinServerParameters, listServerParameters } from '../../config/server-parameters.js'
import type { Stack } from '../stack.js'
import { type Finding, ok, warning } from './finding.js'

const variable = 'POSTGRES_PARAMETERS'

/** The parameters that .env sets, and whether the server was started with them. */
export async function checkParameters(stack: Stack): Promise<Finding[]> {
  const wanted = joinServerParameters(listServerParameters(stack.settings))
  const { Config } = await (await stack.container(stack.primary)).inspect()
  const entry = Config.Env.find((text) => text.startsWith(`${variable}=`))
  const present = entry?.slice(variable.length + 1) ?? ''
  const check = 'parameters of .env'
  if (wanted === '' && present === '') return []
  if (wanted === present) return [ok(check, wanted.replaceAll('\n', ', '))]
  return [
    warning(
      check,
      `the server was started with ${present.replaceAll('\n', ', ') || 'none'}, .env says ${wanted.replaceAll('\n', ', ') || 'none'}`,
      'simdgres up, or simdgres switchover without an outage',
    ),
  ]
}
