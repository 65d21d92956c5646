import type { ExecResult } from '#src/engine/exec.js'
import type { Stack } from '#src/stack/stack.js'

/**
 * psql over the network, from inside the server's container, with one of its mounted passwords.
 * @param connection more words of the connection string: host, sslmode.
 */
export function runPsqlAs(
  stack: Stack,
  role: string,
  secret: string,
  connection: string,
  sql = 'SELECT 1',
): Promise<ExecResult> {
  const script = `PGPASSWORD="$(cat /run/secrets/${secret})" exec psql --no-psqlrc -wAtc "$1" "$0"`
  const target = `user=${role} dbname=claude_agents_auth sslrootcert=/run/secrets/ca.crt ${connection}`
  return stack.exec('postgres', ['sh', '-c', script, target, sql])
}
