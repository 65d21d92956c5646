/** Adapts SQL that pg_dumpall and pg_restore write for a new server to one that exists. */

/**
 * The statements of `pg_dumpall --globals-only` for roles that a server lacks.
 * @param present names as quote_ident writes them.
 */
export function missingRoleStatements(globals: string, present: ReadonlySet<string>): string[] {
  const missing = [...globals.matchAll(/^CREATE ROLE (.+);$/gm)]
    .map((match) => match[1]!)
    .filter((name) => !present.has(name))
  const lines = globals.split('\n')
  const made = missing.flatMap((name) => [
    `CREATE ROLE ${name};`,
    ...lines.filter((line) => line.startsWith(`ALTER ROLE ${name} `)),
  ])
  const memberships = lines.filter((line) => missing.some((name) => grantsTo(line, name)))
  return [...made, ...memberships]
}

function grantsTo(line: string, role: string): boolean {
  if (!line.startsWith('GRANT ')) return false
  return [`TO ${role};`, `TO ${role} `].some((part) => line.includes(` ${part}`))
}

/**
 * What `pg_restore --create` writes about a database's own properties, for an existing database of another name.
 * @param from,to quoted; pg_restore itself quotes only where it must.
 */
export function databaseStatements(script: string, from: string, to: string): string {
  const plain = from.slice(1, -1).replaceAll('""', '"')
  const names = [from, ...(/^[a-z_][a-z0-9_]*$/.test(plain) ? [plain] : [])].map(escapePattern)
  const reference = new RegExp(`\\bDATABASE (?:${names.join('|')})(?=[ ;])`, 'g')
  return script
    .split('\n')
    .filter((line) => !/^(\\connect|CREATE DATABASE) /.test(line))
    .join('\n')
    .replace(reference, () => `DATABASE ${to}`)
}

function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
