/** The features that a table gets where its user names none. */

import { NeurodeError } from '../base/errors.js'
import { refuse, shorten } from '../checks/validate.js'
import type { Column, NumberColumn, TextColumn } from '../tables/column.js'
import type { Table } from '../tables/table.js'
import { type Feature, feature } from './feature.js'
import { FeatureSpace } from './featureSpace.js'

/** Why a column is no feature. */
export interface LeftOut {
  readonly name: string
  readonly why: string
}

/** Features by column, and the columns left out. */
export interface Guessed {
  readonly features: ReadonlyMap<string, Feature>
  readonly leftOut: readonly LeftOut[]
}

/** The features of a table but its target and its weights; of a stream, those of its first table. */
export async function guessFor(
  tables: Iterable<Table> | AsyncIterable<Table>,
  target: string,
  weights: string | undefined,
): Promise<{ features: FeatureSpace; leftOut: readonly LeftOut[] }> {
  for await (const { columns, rows } of tables) {
    const others = columns.filter(({ name }) => name !== target && name !== weights)
    const { features, leftOut } = guessFeatures(others, rows)
    if (features.size === 0) {
      const why = leftOut.slice(0, 5).map((each) => `'${shorten(each.name)}', as ${each.why}`)
      throw new NeurodeError(
        'ERR_ARGUMENT',
        `fit: expected a column to learn from, got none; without ${why.join(', ')}`,
      )
    }
    return { features: new FeatureSpace({ features: Object.fromEntries(features) }), leftOut }
  }
  return refuse('fit', 'a stream of at least one table', undefined)
}

/** Guesses what becomes of each column. */
function guessFeatures(columns: readonly Column[], rows: number): Guessed {
  const features = new Map<string, Feature>()
  const leftOut: LeftOut[] = []
  for (const column of columns) {
    const guess = column.missing === rows ? 'it has no values' : guessOne(column, rows)
    if (typeof guess === 'string') leftOut.push({ name: column.name, why: guess })
    else features.set(column.name, guess)
  }
  return { features, leftOut }
}

function guessOne(column: Column, rows: number): Feature | string {
  if (column.type === 'text') return guessText(column, rows)
  if (isConstant(column)) return 'it has one value'
  if (column.type === 'date') return feature.date()
  if (column.type === 'boolean') return feature.boolean()
  if (identifier.test(column.name) && numbersRows(column)) return 'it numbers the rows'
  return feature.number()
}

/** A column of one value says nothing, unless there are gaps beside it. */
function isConstant({ values, missing }: NumberColumn): boolean {
  return missing === 0 && values.every((value) => value === values[0])
}

/** Names of columns that number rows: `id`, `PassengerId`, `row`, or none. */
const identifier = /^$|^(?:.*[^a-z])?(?:id|index|row|nr|no)$|[a-z]I[dD]$|^unnamed/i

/** Whether values are whole numbers, each of one row alone. */
function numbersRows({ values }: NumberColumn): boolean {
  return values.every(Number.isInteger) && new Set(values).size === values.length
}

function guessText({ codes, words, missing }: TextColumn, rows: number): Feature | string {
  const counts = new Uint32Array(words.length)
  for (const code of codes) if (code >= 0) counts[code] = (counts[code] as number) + 1
  const distinct = counts.reduce((sum, count) => sum + Number(count > 0), 0)
  if (distinct === 1 && missing === 0) return 'it has one value'
  const filled = rows - missing
  if (distinct <= 20 || distinct <= filled / 10) return feature.category({ minCount: distinct > 20 ? 2 : 1 })
  const isText = areSentences(words, counts)
  if (isText) return feature.text()
  if (distinct > filled / 2) return 'nearly every row has a value of its own'
  return feature.category({ minCount: 5 })
}

/** Whether most texts are several words. */
function areSentences(words: readonly string[], counts: Uint32Array): boolean {
  let [several, all] = [0, 0]
  words.forEach((word, i) => {
    if (counts[i] === 0) return
    all++
    if (word.split(/\s+/, 3).length >= 3) several++
  })
  return several > all / 2
}
