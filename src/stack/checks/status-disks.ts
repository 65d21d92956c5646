import type { Stack } from '../stack.js'
import { critical, type Finding, ok, warning } from './finding.js'

const warningPercent = 80
const criticalPercent = 90
const gib = 1024 ** 3

/** Folders in the server's container. */
const places = [
  { name: 'data', path: '/var/lib/postgresql/data/pgdata' },
  { name: 'log', path: '/var/lib/postgresql/data/pgdata/pg_wal' },
  { name: 'backups', path: '/backups' },
] as const

/** Space and inodes of the file systems that hold data, write-ahead log and backups. */
export async function checkDisks(stack: Stack): Promise<Finding[]> {
  const paths = places.map(({ path }) => path)
  const space = await readTable(stack, ['df', '--block-size=1', '--output=pcent,avail', ...paths])
  const inodes = await readTable(stack, ['df', '--output=ipcent,iavail', ...paths])
  return places.map(({ name }, index) => judge(name, space[index] ?? [], inodes[index] ?? []))
}

async function readTable(stack: Stack, argv: readonly string[]): Promise<number[][]> {
  const { stdout } = await stack.exec(stack.primary, argv)
  const [, ...rows] = stdout.trim().split('\n')
  // A file system without a fixed number of inodes (btrfs) shows a dash.
  return rows.map((row) =>
    row
      .trim()
      .split(/\s+/)
      .map((text) => Number.parseInt(text, 10) || 0),
  )
}

function judge(
  name: string,
  [usedPercent, availableBytes = 0]: readonly number[],
  [inodePercent = 0]: readonly number[],
): Finding {
  const check = `disk ${name}`
  if (usedPercent === undefined) return critical(check, 'cannot be read', 'simdgres logs postgres')
  const message = `${usedPercent} % used, ${(availableBytes / gib).toFixed(1)} GB free, ${inodePercent} % of inodes`
  const worst = Math.max(usedPercent, inodePercent)
  const hint = 'Free space, or move the data: STACK_DATA_DIR.'
  if (worst >= criticalPercent) return critical(check, message, hint)
  return worst >= warningPercent ? warning(check, message, hint) : ok(check, message)
}
