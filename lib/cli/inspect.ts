/** `neurode inspect FILE`: shows what a file of a model or of weights holds. */

import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { formatShape } from '../arrays/arrays.js'
import { fileError } from '../files/files.js'
import { type FileFacts, factsOf } from '../interchange/facts.js'
import { formatAt } from '../interchange/formatAt.js'
import { type StoredTensor, weightsContent } from '../interchange/weightTensors.js'
import { loadForInference } from '../models/load.js'
import { type ModelSummary, type SummaryRow, summarize } from '../models/summary.js'
import { headsOf, type Json, type JsonObject, list, object } from '../persistence/description.js'
import type { TabularModel } from '../tabular/types.js'
import { withNotes } from './notes.js'
import { describeOptions, type Options, parse, pathPattern, UsageError } from './options.js'
import { describeColumn } from './tables/text.js'

const usage = 'neurode inspect <file or folder> [options]'
const options: Options = { json: { help: 'one JSON object on stdout' } }

/** The JSON object of `--json`: these keys are always there. */
interface Report {
  /** The absolute path. */
  readonly file: string
  /** What the file is, in words. */
  readonly format: string
  /** `weights` for a file of weights alone. */
  readonly kind: 'sequential' | 'functional' | 'weights'
  /** Bytes of the file, without files beside it; null for a folder. */
  readonly bytes: number | null
  /** The program that wrote the file and its version, as far as the file says. */
  readonly producer: string | null
  readonly version: string | null
  /** The version of the operators of an ONNX file. */
  readonly opset: number | null
  /** The types of the stored numbers. */
  readonly dtypes: readonly string[]
  /** What else the file says. */
  readonly details: Readonly<Record<string, string>>
  /** The model; null for weights alone. */
  readonly model: ModelReport | null
  /** What a model of a table predicts, and from which columns; null for other models. */
  readonly table: TableReport | null
  /** Of weights alone. */
  readonly tensors: readonly StoredTensor[] | null
  /** What the file holds and a loaded model does not. */
  readonly notes: readonly string[]
}

interface TableReport {
  readonly target: string
  readonly task: TabularModel['task']
  readonly classes: TabularModel['classes'] | null
  readonly columns: TabularModel['columns']
}

interface ModelReport {
  readonly name: string
  readonly inputs: readonly { readonly name: string; readonly shape: readonly number[]; readonly dtype: string }[]
  readonly outputs: readonly { readonly name: string; readonly shape: readonly number[] }[]
  readonly layers: readonly SummaryRow[]
  readonly parameters: { readonly total: number; readonly trainable: number; readonly bytes: number }
  /** The compile settings; null for a model that is not compiled. */
  readonly training: TrainingReport | null
}

interface TrainingReport {
  /** Options are those of {@link optimizers}; a rate that is a schedule has its name under `$schedule`. */
  readonly optimizer: { readonly name: string; readonly options: JsonObject }
  /** Optimizer steps taken. */
  readonly step: number
  /** One for each output. */
  readonly outputs: readonly {
    readonly loss: string | null
    readonly lossWeight: number
    readonly metrics: readonly string[]
  }[]
}

/** Runs the command and returns the exit code: 0 if the file could be read. */
export async function inspect(args: readonly string[]): Promise<number> {
  const { values, positionals } = parse(args, options)
  if (values.help) {
    process.stdout.write(describeOptions(usage, options))
    return 0
  }
  const [path, ...more] = positionals
  if (path === undefined || more.length > 0 || !pathPattern.test(path)) {
    throw new UsageError(`expected '${usage}', got '${['inspect', ...positionals].join(' ')}'`)
  }
  const { report, summary } = await examine(resolve(path))
  process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : describeReport(report, summary))
  return 0
}

async function examine(file: string): Promise<{ report: Report; summary?: ModelSummary }> {
  const stats = await stat(file).catch((error) => {
    throw fileError(error, file, 'read')
  })
  const name = await formatAt(file)
  const about = { file, format: name ?? 'a file', bytes: stats.isFile() ? stats.size : null }
  const weights = await weightsContent(file, name)
  if (weights !== undefined) {
    const { facts, tensors } = weights
    return {
      report: { ...about, kind: 'weights', ...reportFacts(facts), model: null, table: null, tensors, notes: [] },
    }
  }
  const { result, notes } = await withNotes(() => loadForInference(file))
  const { model, core } = result
  const summary = summarize(core, { print: false })
  const { inputs, heads } = core.built()
  const graph = core.graph()
  const { layers, totalParameters: total, trainableParameters: trainable, bytes } = summary
  const modelReport = {
    name: model.name,
    inputs: inputs.map(({ name, shape }, i) => ({ name, shape, dtype: graph.inputs[i]?.dtype ?? 'float32' })),
    outputs: heads.map(({ name, shape }) => ({ name, shape })),
    layers,
    parameters: { total, trainable, bytes },
    training: reportTraining(result.file.description),
  }
  const facts = reportFacts(await factsOf(file, name))
  const table = await reportTable(result)
  return { report: { ...about, kind: model.kind, ...facts, model: modelReport, table, tensors: null, notes }, summary }
}

async function reportTable({ file, model }: Awaited<ReturnType<typeof loadForInference>>): Promise<TableReport | null> {
  if (file.description.tabular === undefined) return null
  const { tabularFrom } = await import('../tabular/tabularFrom.js')
  const { target, task, classes, columns } = tabularFrom(file, model)
  return { target, task, classes: classes ?? null, columns }
}

function reportFacts({ producer, version, opset, dtypes, details }: FileFacts) {
  return { producer: producer ?? null, version: version ?? null, opset: opset ?? null, dtypes, details }
}

function reportTraining({ training, state }: JsonObject): TrainingReport | null {
  if (training === undefined) return null
  const described = object(training, 'training')
  const { name, options } = object(described.optimizer, 'optimizer')
  const namesOf = (metrics: Json | undefined) => {
    return list(metrics ?? [], 'metrics').map((metric) => String(object(metric, 'metric').name))
  }
  return {
    optimizer: { name: String(name), options: object(options, 'options') },
    step: Number(object(state, 'state').step),
    outputs: headsOf(described).map(({ loss, lossWeight = 1, metrics, weightedMetrics }) => ({
      loss: loss === null || loss === undefined ? null : String(object(loss, 'loss').name),
      lossWeight: Number(lossWeight),
      metrics: [...namesOf(metrics), ...namesOf(weightedMetrics)],
    })),
  }
}

function describeReport(report: Report, summary: ModelSummary | undefined): string {
  const { file, format, kind, bytes, producer, version, opset, dtypes, details, model, table, tensors, notes } = report
  const written = [producer, version].filter((text) => text !== null).join(' ')
  const { training = null } = model ?? {}
  const rows: (readonly [string, string])[] = [
    ['file', file],
    ['format', `${format}${bytes === null ? '' : `, ${bytes.toLocaleString('en-US')} bytes`}`],
    ['holds', kind === 'weights' ? 'weights alone' : `a ${kind} model`],
    ...(written === '' ? [] : [['written by', written] as const]),
    ...(opset === null ? [] : [['opset', `${opset}`] as const]),
    ['numbers', dtypes.join(', ') || 'none'],
    ...Object.entries(details),
    ...(model?.inputs ?? []).map(({ name, shape, dtype }) => ['input', `${name} ${rowsOf(shape)} ${dtype}`] as const),
    ...(model?.outputs ?? []).map(({ name, shape }) => ['output', `${name} ${rowsOf(shape)}`] as const),
    ...(table === null ? [] : describeTable(table)),
    ...(training === null ? [] : describeTraining(training)),
    ...(model !== null && training === null ? [['training', 'not compiled'] as const] : []),
    ...notes.map((note) => ['not read', note] as const),
  ]
  const width = Math.max(...rows.map(([name]) => name.length)) + 2
  const lines = rows.map(([name, value]) => printable(`${name.padEnd(width)}${value}`))
  const listed = (tensors ?? []).map(({ name, shape, dtype }) => printable(`  ${name} ${formatShape(shape)} ${dtype}`))
  const network = (summary?.text ?? '').split('\n').map(printable)
  return `${[...lines, '', ...(tensors === null ? network : listed)].join('\n')}\n`
}

function describeTable({ target, task, classes, columns }: TableReport): (readonly [string, string])[] {
  const labels = (classes ?? []).slice(0, mostLabels).map(String)
  const more = (classes?.length ?? 0) - labels.length
  const which = classes === null ? 'a number' : `one of ${labels.join(', ')}${more > 0 ? ` and ${more} more` : ''}`
  return [
    ['predicts', `${target} (${task}): ${which}`],
    ...columns.map((column) => {
      const about = describeColumn(column)
      return ['column', `${column.name}: ${column.kind}${about === '' ? '' : `, ${about}`}`] as const
    }),
  ]
}

const mostLabels = 10

function describeTraining({ optimizer, step, outputs }: TrainingReport): (readonly [string, string])[] {
  const settings = Object.entries(optimizer.options).map(([name, value]) => `${name} ${JSON.stringify(value)}`)
  const steps = `${step.toLocaleString('en-US')} ${step === 1 ? 'step' : 'steps'} taken`
  return [
    ['optimizer', `${[optimizer.name, ...settings].join(', ')}; ${steps}`],
    ['loss', outputs.map(({ loss }) => loss ?? 'none').join(', ')],
    ['metrics', outputs.map(({ metrics }) => metrics.join(', ') || 'none').join('; ')],
  ]
}

const rowsOf = (shape: readonly number[]) => `[${['n', ...shape].join(', ')}]`

/** Texts of files could hold characters that control a terminal. */
const printable = (text: string) => text.replace(/\p{Cc}/gu, '\ufffd')
