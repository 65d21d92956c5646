/** What a test asks a page: these run in the browser, each by itself. */

export const countScripts = () => document.scripts.length

/** Elements that reach beyond the right edge, but for those in a box that scrolls by itself. */
export const listOverflows = () =>
  document.documentElement.scrollWidth <= document.documentElement.clientWidth
    ? []
    : [...document.body.querySelectorAll('*')]
        .filter((element) => element.closest('.wide') === null)
        .filter((element) => element.getBoundingClientRect().right > innerWidth)
        .map((element) => element.outerHTML.slice(0, 100))

/** Tables that reach beyond the right edge: on paper nobody can scroll. */
export const countCutTables = () =>
  [...document.querySelectorAll('table')].filter((table) => table.getBoundingClientRect().right > innerWidth)
    .length

/** Every chart: what it tells, its texts, the size of the smallest in pixels, and those that are not in their place. */
export const describePictures = () =>
  [...document.querySelectorAll('svg[role="img"]')].map((svg) => {
    const frame = svg.getBoundingClientRect()
    const boxes = [...svg.querySelectorAll('text')].map((text) => ({
      text: text.textContent ?? '',
      box: text.getBoundingClientRect(),
    }))
    const scale = frame.width / Number(svg.getAttribute('viewBox').split(' ')[2])
    const sizes = [...svg.querySelectorAll('text')].map(
      (text) => Number.parseFloat(getComputedStyle(text).fontSize) * scale,
    )
    const isOutside = ({ box }) =>
      box.left < frame.left - 1 ||
      box.right > frame.right + 1 ||
      box.top < frame.top - 1 ||
      box.bottom > frame.bottom + 1
    const overlap = (a, b) =>
      Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 &&
      Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3
    return {
      title: svg.getAttribute('aria-label') ?? '',
      told: svg.querySelector('desc')?.textContent ?? '',
      texts: boxes.map(({ text }) => text),
      smallest: Math.min(...sizes),
      outside: boxes.filter(isOutside).map(({ text }) => text),
      overlaps: boxes.flatMap((one, i) =>
        boxes
          .slice(i + 1)
          .flatMap((other) => (overlap(one.box, other.box) ? [`${one.text} / ${other.text}`] : [])),
      ),
    }
  })

/** Contrast (WCAG 2) of every text of a chart with the cell or page below it, the least first. */
export const listContrasts = () => {
  const luminance = (colour) => {
    const [red, green, blue] = (colour.match(/[\d.]+/g) ?? []).map((text) => {
      const share = Number(text) / 255
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
  }
  const back = getComputedStyle(document.body).backgroundColor
  return [...document.querySelectorAll('svg text')]
    .map((text) => {
      const { left, width, top, height } = text.getBoundingClientRect()
      const [x, y] = [left + width / 2, top + height / 2]
      const below = [...text.closest('svg').querySelectorAll('path, rect')].findLast((shape) => {
        const box = shape.getBoundingClientRect()
        const { fill, fillOpacity } = getComputedStyle(shape)
        const isFilled = fill !== 'none' && fillOpacity !== '0' && !/, 0\)$/.test(fill)
        return isFilled && box.left <= x && x <= box.right && box.top <= y && y <= box.bottom
      })
      const under = below === undefined ? back : getComputedStyle(below).fill
      const [a, b] = [luminance(getComputedStyle(text).fill), luminance(under)]
      return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
    })
    .sort((a, b) => a - b)
}
