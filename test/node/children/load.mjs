// Loads the addon and prints the error it meets, or its capabilities.
import { capabilities } from '#src/vectors/capabilities.js'

try {
  process.stdout.write(JSON.stringify({ capabilities: capabilities() }))
} catch (error) {
  const { name, code, message, hint } = error
  process.stdout.write(JSON.stringify({ error: { name, code, message, hint } }))
}
