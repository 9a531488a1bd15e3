/** Draws confusion matrices. */

import { type ArrayInput, formatShape } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import { refuse } from '../checks/validate.js'
import { countPairs } from '../evaluation/confusion.js'
import type { PictureOptions } from './curves.js'
import { checkLength, toClassIndices, toNumbers, toTargetClasses } from './numbers.js'
import { checkPictureOptions, checkTexts } from './options.js'
import { compose, drawPanel } from './panels.js'
import type { Picture } from './picture.js'

/** Options of `plot.confusionMatrix`. */
export interface ConfusionMatrixOptions extends PictureOptions {
  /** Names of the classes, in order; default: their numbers. */
  readonly classes?: readonly string[] | undefined
}

/** The most classes; more would be too small to read, and are probably no class indices. */
const maxClasses = 200

/** Implements `plot.confusionMatrix`. */
export async function confusionMatrix(
  labels: ArrayInput,
  predictions?: ArrayInput | ConfusionMatrixOptions,
  given?: ConfusionMatrixOptions,
): Promise<Picture> {
  const isMatrix = predictions === undefined || isOptions(predictions)
  const options = checkPictureOptions(isMatrix ? predictions : given, ['title', 'classes'], 'plot.confusionMatrix')
  const counts = isMatrix ? toMatrix(labels) : countRows(labels, predictions)
  const names =
    options.classes === undefined
      ? counts.map((_, i) => String(i))
      : checkTexts(options.classes, 'plot.confusionMatrix: classes')
  if (names.length < counts.length) refuse('plot.confusionMatrix: classes', `${counts.length} names`, names)
  const total = counts.flat().reduce((sum, count) => sum + count, 0)
  const right = counts.reduce((sum, row, i) => sum + (row[i] ?? 0), 0)
  const { title = `Confusion matrix: ${right} of ${total} right` } = options
  return compose(title, [await drawMatrix(counts, names)])
}

function isOptions(value: ArrayInput | ConfusionMatrixOptions): value is ConfusionMatrixOptions {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !ArrayBuffer.isView(value) &&
    !('data' in value)
  )
}

function toMatrix(value: ArrayInput): number[][] {
  const { values, shape } = toNumbers(value, 'matrix')
  const [rows = 0, columns] = shape
  if (shape.length !== 2 || rows !== columns || rows === 0 || rows > maxClasses) {
    const expected = `one row and one column for each of at most ${maxClasses} classes`
    throw new NeurodeError('ERR_SHAPE', `matrix: expected ${expected}, got shape ${formatShape(shape)}`)
  }
  return Array.from({ length: rows }, (_, i) => [...values.subarray(i * rows, (i + 1) * rows)])
}

function countRows(labels: ArrayInput, predictions: ArrayInput): number[][] {
  const [facts, guesses] = [toTargetClasses(labels, 'labels'), toClassIndices(predictions, 'predictions')]
  checkLength(guesses.length, facts.length, 'predictions', 'labels')
  const classes = Math.max(widthOf(predictions), largestOf(facts) + 1, largestOf(guesses) + 1)
  if (classes > maxClasses) {
    throw new NeurodeError('ERR_LABEL_RANGE', `labels: expected classes below ${maxClasses}, got ${classes - 1}`)
  }
  const counts = countPairs(facts, guesses, classes)
  return Array.from({ length: classes }, (_, i) => [...counts.subarray(i * classes, (i + 1) * classes)])
}

function widthOf(predictions: ArrayInput): number {
  const { shape } = toNumbers(predictions, 'predictions')
  return shape.length === 2 ? Math.max(shape[1] ?? 0, 2) : 2
}

function largestOf(values: Int32Array): number {
  return values.reduce((most, value) => Math.max(most, value), 0)
}

/** Draws a cell as dark as its fraction of its row, so that rare classes are visible as well. */
function drawMatrix(counts: readonly (readonly number[])[], names: readonly string[]) {
  const cells = counts.flatMap((row, fact) => {
    const sum = row.reduce((total, count) => total + count, 0) || 1
    return row.map((count, guess) => ({ fact, guess, count, share: count / sum }))
  })
  const side = Math.min(Math.max(counts.length * 46, 180), 900)
  const longest = Math.max(...names.map((name) => name.length))
  const left = Math.max(56, 30 + longest * 7)
  const nameOf = (i: number) => names[i] ?? String(i)
  return drawPanel((Plot) => ({
    width: side + left + 16,
    height: side + 58,
    marginLeft: left,
    marginTop: 10,
    marginBottom: 48,
    padding: 0.04,
    x: { label: 'predicted', labelAnchor: 'center', labelArrow: 'none', tickFormat: nameOf, tickSize: 0 },
    y: { label: 'actual', labelAnchor: 'center', labelArrow: 'none', tickFormat: nameOf, tickSize: 0 },
    color: { scheme: 'blues', domain: [0, 1] },
    marks: [
      Plot.cell(cells, { x: 'guess', y: 'fact', fill: 'share' }),
      ...(counts.length <= 30
        ? [
            Plot.text(cells, {
              x: 'guess',
              y: 'fact',
              text: ({ count }: { count: number }) => (count === 0 ? '' : String(count)),
              fill: ({ share }: { share: number }) => (share > 0.55 ? '#ffffff' : '#262626'),
            }),
          ]
        : []),
    ],
  }))
}
