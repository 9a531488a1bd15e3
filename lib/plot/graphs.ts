/** Draws the layers of a model and how they are connected. */

import { checkBoolean } from '../checks/validate.js'
import { coreOf } from '../core/cores.js'
import type { AnyModel } from '../models/model.js'
import { formatOutputs, type SummaryRow, summarize } from '../models/summary.js'
import type { PictureOptions } from './curves.js'
import type { Connection } from './layering.js'
import { checkPictureOptions } from './options.js'
import { colorOf, compose, escapeXml, type Panel, textWidth } from './panels.js'
import type { Picture } from './picture.js'
import { tint, toHex } from './pixels.js'
import { type Placing, type Point, placeGraph, type Route, type Size } from './placing.js'

/** Options of `plot.model`. */
export interface ModelPictureOptions extends PictureOptions {
  /** Whether each box has the shape of the layer's output, in which `n` is the number of rows; default true. */
  readonly showShapes?: boolean | undefined
  /** Whether each box has the layer's number of parameters; default false. */
  readonly showParameters?: boolean | undefined
}

/** Implements `plot.model`. */
export async function model(source: AnyModel, given?: ModelPictureOptions): Promise<Picture> {
  const options = checkPictureOptions(given, ['title', 'showShapes', 'showParameters'], 'plot.model')
  const showShapes = checkBoolean(options.showShapes ?? true, 'plot.model: showShapes')
  const showParameters = checkBoolean(options.showParameters ?? false, 'plot.model: showParameters')
  const core = coreOf(source)
  const { name, layers, outputs = [] } = summarize(core, { print: false })
  const boxes = isGraph(layers) ? layers : withInput(layers, core.built().inputShape)
  const texts = boxes.map((box) => {
    const own = outputs.filter(({ layer }) => layer === box.name).map((output) => output.name)
    return [
      `${box.name} (${box.kind})`,
      ...(showShapes ? [formatOutputs(box)] : []),
      ...(showParameters ? [`${box.parameters.toLocaleString('en-US')} parameters`] : []),
      ...(own.length > 0 ? [`output ${own.join(', ')}`] : []),
    ]
  })
  const { title = name } = options
  return compose(title, [drawGraph(boxes, texts, connectionsOf(boxes))])
}

function isGraph(rows: readonly SummaryRow[]): boolean {
  return rows.some(({ connectedTo }) => connectedTo !== undefined)
}

/** The boxes of a chain of layers: its input comes first, though it need not be a layer. */
function withInput(rows: readonly SummaryRow[], outputShape: readonly number[]): readonly SummaryRow[] {
  return rows[0]?.kind === 'Input' ? rows : [{ name: 'input', kind: 'Input', outputShape, parameters: 0 }, ...rows]
}

function connectionsOf(boxes: readonly SummaryRow[]): Connection[] {
  if (!isGraph(boxes)) return boxes.slice(1).map((_, i): Connection => [i, i + 1])
  const indices = new Map(boxes.map(({ name }, i) => [name, i]))
  return boxes.flatMap(({ connectedTo = [] }, to) => {
    return connectedTo.map((name): Connection => [indices.get(name) as number, to])
  })
}

const font = 12
const line = { height: 17, above: 8 }
const border = '#7f7f7f'

function drawGraph(
  boxes: readonly SummaryRow[],
  texts: readonly (readonly string[])[],
  connections: readonly Connection[],
): Panel {
  const sizes = texts.map((lines) => ({
    width: Math.max(90, ...lines.map((text) => Math.ceil(textWidth(text, font)) + 24)),
    height: lines.length * line.height + 2 * line.above,
  }))
  const placing = placeGraph(sizes, connections)
  const isReached = new Set(connections.map(([, to]) => to))
  const arrows = connections.map(([from, to], i) => {
    return drawArrow(placing.routes[i] as Route, `${boxes[from]?.name} → ${boxes[to]?.name}`)
  })
  const drawn = texts.map((lines, i) => {
    const fill = isReached.has(i) ? '#f7f7f7' : toHex(tint(colorOf(0), 0.15))
    return drawBox(placing.corners[i] as Point, sizes[i] as Size, lines, fill)
  })
  return { ...sizeOf(placing), svg: frame(placing, [...arrows, ...drawn]) }
}

/** The size with room for the line of the border. */
function sizeOf({ width, height }: Placing): Size {
  return { width: Math.ceil(width) + 2, height: Math.ceil(height) + 2 }
}

function frame(placing: Placing, parts: readonly string[]): string {
  const { width, height } = sizeOf(placing)
  return `<svg width="${width}" height="${height}" viewBox="-1 -1 ${width} ${height}">${parts.join('')}</svg>`
}

function drawBox({ x, y }: Point, { width, height }: Size, lines: readonly string[], fill: string): string {
  const [left, centre] = [x.toFixed(1), (x + width / 2).toFixed(1)]
  const texts = lines.map((text, i) => {
    const weight = i === 0 ? ' font-weight="600"' : ''
    const baseline = (y + line.above + i * line.height + font).toFixed(1)
    return `<text x="${centre}" y="${baseline}" text-anchor="middle"${weight}>${escapeXml(text)}</text>`
  })
  const rect = `<rect x="${left}" y="${y.toFixed(1)}" width="${width}" height="${height}" rx="5" fill="${fill}" stroke="${border}"/>`
  return `${rect}${texts.join('')}`
}

const heads: Readonly<Record<Route['direction'], string>> = {
  down: 'l-4,-8h8z',
  up: 'l-4,8h8z',
  left: 'l8,-4v8z',
}

/** Draws an arrow. Viewers of SVG show its title where the mouse is over it. */
function drawArrow({ path, end, direction }: Route, title: string): string {
  const curve = `<path d="${path}" fill="none" stroke="${border}" stroke-width="1.2"/>`
  const head = `<path d="M${end.x.toFixed(1)},${end.y.toFixed(1)}${heads[direction]}" fill="${border}"/>`
  return `<g><title>${escapeXml(title)}</title>${curve}${head}</g>`
}
