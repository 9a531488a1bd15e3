/** `neurode evaluate model.neurode test.csv`: compares the answers of a model with what a table says. */

import { refuse } from '../../checks/validate.js'
import { printable } from '../../tables/table.js'
import type { TabularModel } from '../../tabular/types.js'
import type { Options } from '../options.js'
import { checkPlace, count, pathOption, write, writeJson } from '../output.js'
import {
  columnsFor,
  loadTabular,
  modelAndTable,
  openFrom,
  readingOptions,
  readReading,
  tablePath,
  tellOthers,
  typesFor,
} from './reading.js'
import { type Answered, answer, areaOf, type Evaluated, type Score, scoresOf } from './scores.js'
import { alignedRows, number } from './text.js'

const usage = 'neurode evaluate <model> <table, or - for stdin> [options]'

const options: Options = {
  ...readingOptions,
  report: { value: 'FILE', help: 'writes an HTML page: columns, curves and mistakes' },
  json: { help: 'one JSON object on stdout' },
}

/** Runs the command and returns the exit code. */
export async function evaluate(args: readonly string[]): Promise<number> {
  const given = modelAndTable('evaluate', args, usage, options)
  if (given === undefined) return 0
  const { parsed, path, rows } = given
  const report = pathOption(parsed, 'report')
  await checkPlace('report', report)
  if (report !== undefined) await (await import('../../plot/packages.js')).loadDrawing()
  const reading = readReading(parsed)
  const model = await loadTabular(path)
  try {
    const types = typesFor(model, [model.target])
    const table = await openFrom(tablePath(rows), { ...reading, types })
    tellOthers(model, table)
    const answered = await answer(model, columnsFor(model, table))
    if (answered.rows === 0) refuse('evaluate', 'rows that have a target', undefined)
    const evaluated = { model, answered, scores: allScores(model, answered) }
    if (report !== undefined) await (await import('./report.js')).writeEvaluationReport(report, rows, evaluated)
    if (parsed.values.json === true) writeJson(describeJson(evaluated))
    else write(describe(evaluated))
    return 0
  } finally {
    model.dispose()
  }
}

function allScores(model: TabularModel, answered: Answered): readonly Score[] {
  const area = areaOf(answered, model.classes)
  const scores = scoresOf(model, answered)
  return area === undefined ? scores : [...scores, { key: 'auc', name: 'Area under the ROC curve', value: area }]
}

function describeJson({ model, answered, scores }: Evaluated): object {
  const { target, task } = model
  const values = Object.fromEntries(scores.map(({ key, value }) => [key, value]))
  return { target, task, rows: answered.rows, ...values }
}

function describe({ model, answered, scores }: Evaluated): string {
  const rows = scores.map(({ name, value }) => [name, number(value)])
  return `'${printable(model.target)}' of ${count(answered.rows, 'row')}:\n${alignedRows(rows, [1])}`
}
