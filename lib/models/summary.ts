/** The summary of a model, as data and as a printed table. */

import { checkOptions, refuse } from '../checks/validate.js'
import type { ModelCore } from '../core/core.js'
import { inputLayerOf } from '../core/graph.js'
import type { Shape, SymbolicTensor } from '../layers/layer.js'
import { countParameters } from '../layers/layer.js'

/** One layer of a {@link ModelSummary}. */
export interface SummaryRow {
  readonly name: string
  /** The kind of layer: `Dense`, `Dropout`, … */
  readonly kind: string
  /** Shape of one row of output. */
  readonly outputShape: Shape
  /** The shapes of the outputs of a layer that is a model with several; they lie side by side in `outputShape`. */
  readonly outputShapes?: readonly Shape[] | undefined
  readonly parameters: number
  /** The layers that its inputs come from; in graphs only. */
  readonly connectedTo?: readonly string[] | undefined
}

/** One output of a model with several. */
export interface SummaryOutput {
  readonly name: string
  /** The layer that it comes from. */
  readonly layer: string
  /** Shape of one row. */
  readonly shape: Shape
}

/** The result of {@link Sequential.summary}. */
export interface ModelSummary {
  readonly name: string
  readonly layers: readonly SummaryRow[]
  /** The outputs of a model with several. */
  readonly outputs?: readonly SummaryOutput[] | undefined
  readonly totalParameters: number
  /** Number of parameters that training changes, which excludes frozen layers and moving statistics. */
  readonly trainableParameters: number
  /** Size of all parameters in bytes. */
  readonly bytes: number
  /** The table, as printed. */
  readonly text: string
}

/** Options of {@link Sequential.summary}. */
export interface SummaryOptions {
  /** `true` (default): print to stdout; `false`: do not print; a function: call it with the table. */
  readonly print?: boolean | ((text: string) => void) | undefined
}

/** Makes a summary, see {@link Sequential.summary}. */
export function summarize(core: ModelCore, given: SummaryOptions | undefined): ModelSummary {
  const { print = true } = checkOptions(given, ['print'], 'summary')
  if (typeof print !== 'boolean' && typeof print !== 'function') refuse('print', 'true, false or a function', print)
  const layers = rowsOf(core)
  const totalParameters = core.countParameters()
  const trainableParameters = core.built().layers.reduce((sum, { layer, parameters }) => {
    const learnt = parameters.filter(({ trainable = true }) => trainable && layer.trainable)
    return sum + countParameters(learnt)
  }, 0)
  const outputs = outputsOf(core)
  const text = formatSummary(core.name, layers, outputs, totalParameters, trainableParameters)
  if (typeof print === 'function') print(text)
  else if (print) process.stdout.write(`${text}\n`)
  const sizes = { totalParameters, trainableParameters, bytes: 4 * totalParameters }
  return { name: core.name, layers, ...(outputs === undefined ? {} : { outputs }), ...sizes, text }
}

function rowsOf(core: ModelCore): SummaryRow[] {
  const { layers } = core.built()
  const { names, graph, places } = core.stack
  if (graph === undefined) {
    return layers.map(({ layer, name, outputShape, parameters }) => {
      return { name, kind: layer.kind, outputShape, parameters: countParameters(parameters) }
    })
  }
  const nameOf = new Map(graph.layers.map((layer, i) => [layer, names[i] as string]))
  const isInput = new Set(graph.inputs)
  return graph.layers.map((layer, i) => {
    const { inputShape, outputShape } = places.get(layer) as { inputShape: Shape; outputShape: Shape }
    const calls = graph.calls.filter((call) => call.layer === layer)
    const shapes = calls[0]?.outputs.map(({ shape }) => shape) ?? []
    const sources = calls.flatMap((call) => call.sources)
    const connectedTo = sources.map((source) => {
      return nameOf.get(isInput.has(source) ? inputLayerOf(source) : source.sourceLayer) as string
    })
    const parameters = countParameters(layer.parameters(inputShape))
    const outputs = shapes.length > 1 ? { outputShape, outputShapes: shapes } : { outputShape }
    return { name: names[i] as string, kind: layer.kind, ...outputs, parameters, connectedTo }
  })
}

function outputsOf(core: ModelCore): readonly SummaryOutput[] | undefined {
  const { heads } = core.built()
  if (heads.length === 1) return undefined
  const { inputs, outputs, layers, names } = core.graph()
  return heads.map(({ name, shape }, i) => {
    const tensor = outputs[i] as SymbolicTensor
    const layer = inputs.includes(tensor) ? inputLayerOf(tensor) : tensor.sourceLayer
    return { name, layer: names[layers.indexOf(layer)] as string, shape }
  })
}

/** The shape of a layer's outputs for any number of rows, `n`, as text. */
export function formatOutputs({ outputShape, outputShapes = [outputShape] }: SummaryRow): string {
  return outputShapes.map((shape) => `[${['n', ...shape].join(', ')}]`).join(', ')
}

function formatSummary(
  name: string,
  layers: readonly SummaryRow[],
  outputs: readonly SummaryOutput[] | undefined,
  total: number,
  trainable: number,
): string {
  const isGraph = layers.some(({ connectedTo }) => connectedTo !== undefined)
  const cells = [
    ['Layer (type)', 'Output shape', 'Parameters', ...(isGraph ? ['Connected to'] : [])],
    ...layers.map((row) => [
      `${row.name} (${row.kind})`,
      formatOutputs(row),
      row.parameters.toLocaleString('en-US'),
      ...(row.connectedTo === undefined ? [] : [row.connectedTo.join(', ')]),
    ]),
  ]
  const widths = (cells[0] as string[]).map((_, column) =>
    Math.max(...cells.map((row) => (row[column] as string).length)),
  )
  const lines = cells.map((row) => {
    const padded = row.map((cell, i) =>
      i === 2 ? cell.padStart(widths[i] as number) : cell.padEnd(widths[i] as number),
    )
    return `│ ${padded.join(' │ ')} │`
  })
  const rule = (left: string, middle: string, right: string) =>
    left + widths.map((width) => '─'.repeat(width + 2)).join(middle) + right
  return [
    `Model: ${name}`,
    rule('┌', '┬', '┐'),
    lines[0],
    rule('├', '┼', '┤'),
    ...lines.slice(1),
    rule('└', '┴', '┘'),
    ...(outputs === undefined ? [] : [`Outputs: ${outputs.map(formatOutput).join(', ')}`]),
    `Parameters: ${total.toLocaleString('en-US')} (${formatBytes(4 * total)})${
      trainable === total ? '' : `, of which ${trainable.toLocaleString('en-US')} are trained`
    }`,
  ].join('\n')
}

function formatOutput({ name, layer, shape }: SummaryOutput): string {
  return `${name}${name === layer ? '' : ` (of ${layer})`} [${['n', ...shape].join(', ')}]`
}

function formatBytes(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB']
  let unit = 0
  let size = bytes
  for (; size >= 1024 && unit < units.length - 1; unit++) size /= 1024
  return `${unit === 0 ? size : size.toFixed(2)} ${units[unit]}`
}
