// Deploys a server, runs a statement on it, prints its connection as one line of JSON, and holds it until it is killed.
// Arguments: the key to go on by, the statement.
import pg from 'pg'
import { clientOptions } from '#src/targets/connection.js'
import { DockerTarget } from '#src/targets/docker/docker-target.js'

const [resumeKey, statement] = process.argv.slice(2)
const progress = { note: (message) => console.error(message), step: () => undefined }
const target = new DockerTarget({ progress, signal: new AbortController().signal, resumeKey })
try {
  const connection = await target.deploy({})
  if (statement) {
    const client = new pg.Client(clientOptions(connection))
    await client.connect()
    await client.query(statement)
    await client.end()
  }
  console.log(JSON.stringify({ ...connection, resumed: target.resumed }))
  setInterval(() => undefined, 60_000)
} catch (error) {
  console.log(JSON.stringify({ code: error.code, message: error.message, hint: error.hint }))
  await target.stop()
}
