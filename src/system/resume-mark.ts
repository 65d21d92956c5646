/** What a run may go on with: the data of a run that was killed, of the same key and the same settings. */
export interface ResumeMark {
  readonly key: string
  /** Hash over the server and the settings of the deployment. */
  readonly settings: string
}

/** How long such data waits: a night, and the morning after. */
export const keptForMs = 24 * 3600 * 1000
