/** Draws panels, which are charts with a heading and a legend, and composes pictures of them. */

import type { MarkOptions, PlotOptions } from '@observablehq/plot'
import { extent } from './numbers.js'
import { loadDrawing } from './packages.js'
import { Picture } from './picture.js'

/** The colours of Okabe and Ito, which colour-blind people can distinguish on white. */
export const palette = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000'] as const

/** Colour `i` of the palette, which repeats. */
export function colorOf(i: number): string {
  return palette[i % palette.length] as string
}

const ink = '#262626'
const family = "Inter, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"

/** One entry of a legend. */
export interface LegendEntry {
  readonly text: string
  readonly color: string
  readonly kind: 'line' | 'dashed' | 'dot' | 'square'
}

/** A part of a picture: a chart with its heading and its legend. */
export interface Panel {
  readonly heading?: string | undefined
  readonly legend?: readonly LegendEntry[] | undefined
  readonly svg: string
  readonly width: number
  readonly height: number
}

/** Draws a chart with Observable Plot in the style of all pictures. */
export async function drawPanel(
  make: (Plot: typeof import('@observablehq/plot')) => PlotOptions,
  rest: Pick<Panel, 'heading' | 'legend'> = {},
): Promise<Panel> {
  const { Plot, document } = await loadDrawing()
  const { width = 440, height = 300, ...options } = make(Plot)
  const chart = Plot.plot({
    marginLeft: 56,
    marginBottom: 44,
    marginTop: 14,
    marginRight: 16,
    ...options,
    width,
    height,
    document,
    style: { fontSize: '12px' },
  })
  return { ...rest, svg: plain(chart.outerHTML), width, height }
}

/** Removes the style element and the classes, which would affect a page that the SVG is put into. */
function plain(svg: string): string {
  return svg
    .replace(/<style>[\s\S]*?<\/style>/g, '')
    .replace(/ (class|style|font-family)="[^"]*"/g, '')
    .replace(/(\d\.\d{3})\d+/g, '$1')
}

/** Options of every axis: ticks without grid lines, and a centred label. */
export const axis = { labelAnchor: 'center', labelArrow: 'none', tickSize: 4, nice: true } as const

/** {@link axis} for these values; labels are in powers of ten if Plot's labels would be too long or would all be 0. */
export function axisOf(
  values: Iterable<number>,
): typeof axis & { readonly tickFormat?: (value: number) => string | undefined } {
  const [low, high] = extent(values)
  const largest = Math.max(Math.abs(low), Math.abs(high))
  const isUsual = largest === 0 || (largest >= 1e-3 && largest < 1e6)
  return isUsual ? axis : { ...axis, tickFormat: inPowersOfTen }
}

/** A number in powers of ten: `1.2e−7`. */
function inPowersOfTen(value: number): string {
  if (value === 0) return '0'
  const [digits, power] = value.toExponential(3).split('e')
  return `${Number(digits)}e${Number(power)}`.replaceAll('-', '−')
}

/** The style of grid lines. */
export const faint: MarkOptions = { strokeOpacity: 0.12 }

const margin = 16
const headingHeight = 24
const legendHeight = 22

/** Composes a picture of panels side by side under a title. */
export function compose(title: string, panels: readonly Panel[], columns = panels.length): Picture {
  const rows: Panel[][] = []
  for (let at = 0; at < panels.length; at += columns) rows.push(panels.slice(at, at + columns))
  const parts: string[] = []
  let top = title === '' ? margin / 2 : margin + 26
  let width = 0
  for (const row of rows) {
    const above = Math.max(...row.map(spaceAbove))
    let left = margin
    for (const panel of row) {
      parts.push(describePanel(panel, left, top, above))
      const legend = linesOf(panel).map((line) => line.reduce((sum, entry) => sum + entryWidth(entry), 0))
      left += Math.max(panel.width, ...legend) + margin
    }
    width = Math.max(width, left, margin * 2 + textWidth(title, 16))
    top += above + Math.max(...row.map(({ height }) => height)) + margin / 2
  }
  const height = Math.ceil(top + margin / 2)
  width = Math.ceil(width)
  const svg = [
    `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeXml(title)}" font-family="${family}" font-size="12" fill="${ink}" color="${ink}">`,
    title && `<title>${escapeXml(title)}</title>`,
    `<rect width="100%" height="100%" fill="#ffffff"/>`,
    title && `<text x="${margin}" y="${margin + 14}" font-size="16" font-weight="600">${escapeXml(title)}</text>`,
    ...parts,
    '</svg>',
  ]
    .join('')
    .replace(notInXml, ' ')
  return new Picture(title, svg, width, height)
}

/** Control characters, halves of surrogate pairs and others that an XML document must not contain. */
const notInXml = /(?![\t\n\r])[\p{Cc}\p{Cs}\ufffe\uffff]/gu

function spaceAbove(panel: Panel): number {
  return (panel.heading ? headingHeight : 0) + linesOf(panel).length * legendHeight
}

function entryWidth({ text }: LegendEntry): number {
  return 26 + textWidth(text, 12) + 16
}

/** The entries of a legend in lines as wide as the panel. */
function linesOf({ legend = [], width }: Panel): readonly (readonly LegendEntry[])[] {
  const lines: LegendEntry[][] = []
  let free = 0
  for (const entry of legend) {
    const needed = entryWidth(entry)
    if (needed <= free) lines.at(-1)?.push(entry)
    else lines.push([entry])
    free = (needed <= free ? free : width) - needed
  }
  return lines
}

function describePanel(panel: Panel, left: number, top: number, above: number): string {
  const { heading, svg } = panel
  const start = top + above - spaceAbove(panel)
  const texts: string[] = []
  if (heading)
    texts.push(`<text x="${left}" y="${start + 15}" font-size="13" font-weight="600">${escapeXml(heading)}</text>`)
  let y = start + (heading ? headingHeight : 0) + 10
  for (const line of linesOf(panel)) {
    let x = left
    for (const entry of line) {
      const { text, color, kind } = entry
      texts.push(`${swatch(kind, color, x, y)}<text x="${x + 26}" y="${y + 4}">${escapeXml(text)}</text>`)
      x += entryWidth(entry)
    }
    y += legendHeight
  }
  return `${texts.join('')}${svg.replace('<svg', `<svg x="${left}" y="${top + above}"`)}`
}

function swatch(kind: LegendEntry['kind'], color: string, x: number, y: number): string {
  if (kind === 'dot') return `<circle cx="${x + 13}" cy="${y}" r="4" fill="${color}"/>`
  if (kind === 'square') return `<rect x="${x + 6}" y="${y - 6}" width="12" height="12" fill="${color}"/>`
  const dash = kind === 'dashed' ? ' stroke-dasharray="5 3"' : ''
  return `<path d="M${x},${y}h20" stroke="${color}" stroke-width="2"${dash}/>`
}

/** The widths of characters that are wider than most, as fractions of the font's size. */
const wide = [
  [/[MW@%mw\u2e80-\u{10ffff}]/u, 1],
  [/\p{Lu}/u, 0.75],
] as const

/** The approximate width of a text in pixels. */
export function textWidth(text: string, size: number): number {
  const widthOf = (character: string) => wide.find(([pattern]) => pattern.test(character))?.[1] ?? 0.58
  return Array.from(text, widthOf).reduce((sum, width) => sum + width * size, 0)
}

/** Escapes a text for XML. */
export function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`)
}
