import { splitStatements } from '../../../advise/query/statements.js'
import type { AdviseRequest } from '../../../advise/run.js'
import { invalidArgument } from '../../../errors.js'
import { readText as readFileText } from '../../../system/text-file.js'
import { type OptionValues, type ParsedArguments, readList, readText } from '../../options/option-table.js'
import { readInteger, readPositive } from '../../options/option-values.js'

const defaults = { recall: 0.95, k: 10, sample: 100, seed: 1 }

/** What `simdgres advise` was asked to do. Rejects with ERR_INVALID_ARGUMENT naming the option that is wrong. */
export async function readAdviseRequest({ options, positionals }: ParsedArguments): Promise<AdviseRequest> {
  if (positionals[0] !== undefined) {
    throw invalidArgument(
      'an argument of advise',
      'options only',
      positionals[0],
      'See simdgres advise --help.',
    )
  }
  const [url, table, id] = [readText(options, 'url'), readText(options, 'table'), readText(options, 'id')]
  if (url === undefined) {
    throw invalidArgument(
      '--url',
      'the server to look at',
      url,
      'Name it: --url postgres://user@host/database.',
    )
  }
  if (id !== undefined && table === undefined) {
    throw invalidArgument('--id', 'the table that it is a column of', id, 'Name the table with --table.')
  }
  const recall = readPositive(options, 'recall') ?? defaults.recall
  if (recall > 1) throw invalidArgument('--recall', 'a share above 0 and up to 1', recall)
  return {
    ...{ url, recall },
    ...(table !== undefined && { table }),
    ...(id !== undefined && { id }),
    queries: [...readQueries(options), ...(await readQueryFile(options))],
    k: readInteger(options, 'k', 1, 1000) ?? defaults.k,
    sample: readInteger(options, 'sample', 2) ?? defaults.sample,
    seed: readInteger(options, 'seed', 0) ?? defaults.seed,
  }
}

function readQueries(options: OptionValues) {
  return readList(options, 'query').map((text, i) => {
    const [statement, ...others] = splitStatements(text)
    if (statement === undefined || others.length > 0) throw invalidArgument('--query', 'one statement', text)
    return { text: statement, source: `--query ${i + 1}`, isGiven: true }
  })
}

async function readQueryFile(options: OptionValues) {
  const path = readText(options, 'query-file')
  if (path === undefined) return []
  const text = await readFileText(path)
  if (text === undefined) throw invalidArgument('--query-file', 'a file that is there', path)
  const statements = splitStatements(text)
  if (statements.length === 0)
    throw invalidArgument('--query-file', 'a file with at least one statement', path)
  return statements.map((text, i) => ({ text, source: `statement ${i + 1} of ${path}`, isGiven: true }))
}
