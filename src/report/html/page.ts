/** Text as it stands, in an element or an attribute. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}

/** Steps of colour in a heat map: `--heat-0` is the lowest, and `--heat-text-0` what is readable on it. */
export const heatLevels = 11
/** From here on a cell is nearer to the colour of the highest. */
const firstDarkLevel = 6

type Colour = readonly [red: number, green: number, blue: number]

const light = { low: [235, 242, 250], high: [9, 88, 168], text: '#1b1f24', onHigh: '#ffffff' } as const
const dark = { low: [22, 34, 48], high: [96, 170, 250], text: '#e6edf3', onHigh: '#0d1117' } as const

function listHeatColours({ low, high, text, onHigh }: typeof light | typeof dark): string {
  return Array.from({ length: heatLevels }, (_, level) => {
    const share = level / (heatLevels - 1)
    const mixed = (low as Colour).map((from, i) => Math.round(from + share * (high[i]! - from)))
    return `--heat-${level}: rgb(${mixed.join(' ')}); --heat-text-${level}: ${level < firstDarkLevel ? text : onHigh};`
  }).join(' ')
}

/** Colours come from variables, so that charts follow the reader's choice of light or dark. */
const style = `
:root { color-scheme: light dark; --text: #1b1f24; --back: #ffffff; --line: #d0d7de; --soft: #57606a;
  --bar: #0958a8; --bad: #b42318; ${listHeatColours(light)} }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --back: #0d1117; --line: #30363d; --soft: #9da7b3;
  --bar: #60aafa; --bad: #ff8f85; ${listHeatColours(dark)} } }
body { margin: 0 auto; padding: 1rem; max-width: 60rem; color: var(--text); background: var(--back);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.85rem; }
th, td { padding: 0.25rem 0.6rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th.left, td.left { text-align: left; }
.charts { display: flex; flex-wrap: wrap; gap: 1rem 2rem; }
figure { margin: 0; flex: 1 1 100%; } figcaption { color: var(--soft); font-size: 0.9rem; }
svg { width: 100%; height: auto; display: block; }
`

/** A file that needs nothing but itself: no script, no font, no request. */
export function renderPage(title: string, body: readonly string[]): string {
  return `${[
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escapeHtml(title)}</title>`,
    `<style>${style}</style>`,
    '</head>',
    '<body>',
    `<h1>${escapeHtml(title)}</h1>`,
    ...body,
    '</body>',
    '</html>',
  ].join('\n')}\n`
}
