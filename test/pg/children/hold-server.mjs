// Deploys a server, prints its connection as one line of JSON, and holds it until it is killed. Arguments: the key to
// resume by, the settings of the deployment as JSON, a statement to run first.
import pg from 'pg'
import { clientOptions } from '#src/targets/connection.js'
import { LocalTarget } from '#src/targets/local/local-target.js'

const [resumeKey, settings = '{}', statement] = process.argv.slice(2)
const progress = { note: (message) => console.error(message), step: () => undefined }
const target = new LocalTarget({
  progress,
  signal: new AbortController().signal,
  ...(resumeKey && { resumeKey }),
})
const connection = await target.deploy(JSON.parse(settings))
if (statement) {
  const client = new pg.Client(clientOptions(connection))
  await client.connect()
  await client.query(statement)
  await client.end()
}
console.log(JSON.stringify({ ...connection, resumed: target.resumed }))
setInterval(() => undefined, 60_000)
