/** Text as it stands, in a paragraph or a list. */
export function escapeText(text: string): string {
  return text.replace(/[\\`*_<>#]/g, '\\$&').replace(/\s*\n\s*/g, ' ')
}

/** The same in a table. */
export function escapeCell(text: string): string {
  return escapeText(text).replace(/\|/g, '\\|')
}
