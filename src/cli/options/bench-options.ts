import { profiles } from '../../measure/profiles.js'
import { pathIds } from '../../paths/search-path.js'
import { targetChoices } from '../../targets/choose.js'
import type { OptionRow } from './option-table.js'

const profileList = profiles.map(({ name, summary }) => `${name} (${summary})`).join('; ')

export const benchOptions: readonly OptionRow[] = [
  {
    name: 'profile',
    value: 'NAME',
    summary: `how much to measure: ${profileList}`,
    fallback: profiles[0]!.name,
  },
  {
    name: 'dataset',
    value: 'NAME',
    summary: 'glove-100, mnist-784, synthetic-<rows>x<dims>, or a file of vectors',
    fallback: "the profile's",
  },
  {
    name: 'metric',
    value: 'NAME',
    summary: 'l2, cosine, ip or l1',
    fallback: "the data set's, l2 for files",
  },
  { name: 'rows', value: 'N', summary: 'search a seeded choice of N vectors', fallback: "the profile's" },
  { name: 'queries', value: 'N', summary: 'vectors held out as queries', fallback: "the profile's" },
  { name: 'k', value: 'N', summary: 'neighbours to find', fallback: '10' },
  { name: 'paths', value: 'LIST', summary: `some of ${pathIds.join(', ')}`, fallback: 'all' },
  {
    name: 'seconds',
    value: 'N',
    summary: 'time to measure each row for, all rounds together; warm-up in proportion',
    fallback: "the profile's",
  },
  { name: 'threads', value: 'N', summary: 'threads of paths in this process', fallback: 'all processors' },
  { name: 'seed', value: 'N', summary: 'decides rows, queries and their order', fallback: '1' },
  {
    name: 'target',
    value: 'NAME',
    summary: `where the server runs: ${targetChoices.join(', ')}`,
    fallback: 'auto',
  },
  { name: 'url', value: 'URL', summary: 'a server that exists; PGPASSWORD keeps its password off this line' },
  { name: 'pg-major', value: 'N', summary: 'PostgreSQL version of the image' },
  { name: 'memory', value: 'SIZE', summary: 'memory the server may use, like 4g' },
  { name: 'cpus', value: 'N', summary: 'processors the server may use' },
  { name: 'port', value: 'N', summary: 'port of the server on 127.0.0.1', fallback: 'a free one' },
  { name: 'isa', value: 'NAME', summary: 'instruction set of extension and addon: scalar, avx2, avx512' },
  {
    name: 'set',
    value: 'NAME=VALUE',
    repeatable: true,
    summary: 'a server parameter, like shared_buffers=2GB',
  },
  { name: 'json', value: 'FILE', summary: 'write the result to FILE, raw samples beside it; - for stdout' },
  { name: 'markdown', value: 'FILE', summary: 'write the table as Markdown' },
  { name: 'dry-run', summary: 'show what would be done' },
]
