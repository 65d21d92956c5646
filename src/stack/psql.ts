import { poolClientCommand } from './pool/pool-client.js'
import { superuserClientCommand } from './server/sql.js'
import type { Stack } from './stack.js'

export interface PsqlRequest {
  /** Past the pool, as the role that owns the cluster; otherwise as the application, through the pool. */
  readonly asSuperuser: boolean
  /** By default the application's. */
  readonly database?: string | undefined
  /** For psql itself. */
  readonly args: readonly string[]
}

/** The command that opens psql in the primary's container. */
export function psqlCommand(
  stack: Stack,
  { asSuperuser, database = stack.database, args }: PsqlRequest,
): string[] {
  return asSuperuser
    ? superuserClientCommand(stack.superuser, database, args)
    : poolClientCommand(database, args)
}
