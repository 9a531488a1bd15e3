/** `neurode predict model.neurode rows.csv`: answers the rows of a table. */

import type { Cell } from '../../tables/column.js'
import { cellOf } from '../../tables/column.js'
import type { TableSource } from '../../tables/openTable.js'
import type { ClassAnswer, TabularAnswer, TabularModel } from '../../tabular/types.js'
import type { Options, ParsedArguments } from '../options.js'
import { checkPlace, pathOption } from '../output.js'
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
import { numberOf } from './scores.js'
import { type CsvStyle, csvLine, writeTexts } from './writing.js'

const usage = 'neurode predict <model> <table, or - for stdin> [options]'

const options: Options = {
  output: { value: 'FILE', short: 'o', help: 'where the rows go with their predictions, as CSV (stdout)' },
  ...readingOptions,
  json: { help: 'JSON Lines instead: an answer for each row, without its columns' },
}

/** Runs the command and returns the exit code. */
export async function predict(args: readonly string[]): Promise<number> {
  const given = modelAndTable('predict', args, usage, options)
  if (given === undefined) return 0
  const { parsed, path, rows } = given
  const output = outputOption(parsed)
  await checkPlace('output', output)
  const reading = readReading(parsed)
  const model = await loadTabular(path)
  try {
    const table = await openFrom(tablePath(rows), { ...reading, types: typesFor(model, []) })
    const { decimal = '.', delimiter = decimal === ',' ? ';' : ',' } = reading
    const style = { delimiter, decimal }
    await writeTexts(output, parsed.values.json === true ? jsonLines(model, table) : csvLines(model, table, style))
    return 0
  } finally {
    model.dispose()
  }
}

/** The file of `--output`; `-` is stdout. */
function outputOption(parsed: ParsedArguments): string | undefined {
  return parsed.values.output === '-' ? undefined : pathOption(parsed, 'output')
}

async function* jsonLines(model: TabularModel, source: TableSource): AsyncGenerator<string> {
  tellOthers(model, source)
  for await (const table of source) {
    const answers = await model.predict(columnsFor(model, table))
    yield answers.map((answer) => `${JSON.stringify(answer)}\n`).join('')
  }
}

async function* csvLines(model: TabularModel, source: TableSource, style: CsvStyle): AsyncGenerator<string> {
  tellOthers(model, source)
  const added = addedColumns(model)
  const isKept = ({ name }: { readonly name: string }) => added.every((other) => other.name !== name)
  const names = [...source.columns.filter(isKept), ...added].map(({ name }) => name)
  let header = csvLine(names, style)
  for await (const table of source) {
    const answers = await model.predict(columnsFor(model, table))
    const kept = table.columns.filter(isKept)
    const lines = answers.map((answer, row) =>
      csvLine([...kept.map((column) => cellOf(column, row)), ...added.map(({ of }) => of(answer))], style),
    )
    yield header + lines.join('')
    header = ''
  }
  if (header !== '') yield header
}

/** The columns that predictions add. */
function addedColumns({ target, classes }: TabularModel): readonly { name: string; of(answer: TabularAnswer): Cell }[] {
  const name = `predicted_${target}`
  if (classes === undefined) return [{ name, of: (answer) => numberOf(answer, target) }]
  return [
    { name, of: (answer) => (answer as ClassAnswer).label },
    ...classes.map((label) => ({
      name: `probability_${label}`,
      of: (answer: TabularAnswer) => (answer as ClassAnswer).probabilities[String(label)] as number,
    })),
  ]
}
