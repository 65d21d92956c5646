/** Label of a stage that is left without a name once files were taken from it. */
export const stageLabel = 'io.simdgres.stage'

/**
 * A Dockerfile whose stages are labelled with their names at their ends, save those that others are made from: the labels that a
 * build is given are those of its last stage alone, and the others could not be told from somebody else's images. At the ends, so
 * that the layers above stay in the engine's cache.
 */
export function labelStages(dockerfile: string): string {
  const [head = '', ...stages] = dockerfile.split(/^(?=FROM\s)/im)
  const headers = stages.map((stage) => /^FROM\s+(\S+)(?:\s+AS\s+(\S+))?/i.exec(stage))
  const sources = new Set(headers.map((header) => header?.[1]))
  const labelled = stages.map((stage, at) => {
    const name = headers[at]?.[2]
    if (name === undefined || sources.has(name)) return stage
    return `${stage.trimEnd()}\nLABEL ${stageLabel}="${name}"\n\n`
  })
  return [head, ...labelled].join('')
}
