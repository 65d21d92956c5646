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

/** Told apart by readers who see red and green alike too, with the forms of their markers. */
const series = {
  light: ['#0958a8', '#b42318', '#1a7f37', '#7a3fc9', '#8a5a00', '#0b6b7d', '#b02a80', '#57606a'],
  dark: ['#60aafa', '#ff8f85', '#56d364', '#c9a3ff', '#e3b341', '#4fd0da', '#ff8ccb', '#b1bac4'],
} as const

/** `--series-0` and so on: as many colours that stand beside each other. */
export const seriesColours = series.light.length

const listSeries = (colours: readonly string[]) =>
  colours.map((colour, i) => `--series-${i}: ${colour};`).join(' ')

/** Colours come from variables, so that charts follow the reader's choice of light or dark. */
const style = `
:root { color-scheme: light dark; --text: #1b1f24; --back: #ffffff; --line: #d0d7de; --soft: #57606a;
  --bar: #0958a8; --pale: #b8cfe6; --bad: #b42318; ${listSeries(series.light)} ${listHeatColours(light)} }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --back: #0d1117; --line: #30363d; --soft: #9da7b3;
  --bar: #60aafa; --pale: #294a70; --bad: #ff8f85; ${listSeries(series.dark)} ${listHeatColours(dark)} } }
body { margin: 0 auto; padding: 1rem; max-width: 60rem; color: var(--text); background: var(--back);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.85rem; }
th, td { padding: 0.25rem 0.6rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
tbody + tbody { border-top: 2px solid var(--soft); } th.left, td.left { text-align: left; }
.charts { display: flex; flex-wrap: wrap; gap: 1rem 2rem; }
.stop { border: 2px solid var(--bad); border-radius: 0.4rem; padding: 0 1rem; }
a { color: var(--bar); } h3 { font-size: 1rem; margin: 1.5rem 0 0.5rem; }
.legend { display: flex; flex-wrap: wrap; gap: 0 1rem; margin: 0.5rem 0; color: var(--text); }
svg.marker { display: inline-block; width: 0.8rem; height: 0.8rem; }
figure { margin: 0; flex: 1 1 20rem; } figcaption { color: var(--soft); font-size: 0.9rem; }
svg { width: 100%; height: auto; display: block; }
@media print { body { max-width: none; padding: 0; } figure, tr, h2, h3 { break-inside: avoid; } h2, h3 { break-after: avoid; }
  .wide { overflow: visible; } table { font-size: 0.6rem; } th, td { white-space: normal; padding: 0.1rem 0.3rem; } }
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
