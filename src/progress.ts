/** Where notes and progress of long work go (stderr in the command line). */
export interface Progress {
  note(message: string): void
  /** `done` of `total` units of the task named `label`; the same label again updates it. */
  step(label: string, done: number, total: number): void
}

export const silent: Progress = { note: () => undefined, step: () => undefined }
