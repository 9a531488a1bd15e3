/** `neurode train mnist --report FILE`: writes an HTML page about the training. */

import { array } from '../arrays/arrays.js'
import type { Dataset } from '../data/datasets.js'
import type { Sequential } from '../models/sequential.js'
import { loadDrawing } from '../plot/packages.js'
import type { Logs } from '../training/context.js'

const mostMistakes = 40

/** Throws `ERR_PACKAGE_MISSING` if charts cannot be drawn; called before the training, as the report is written after it. */
export async function checkReport(): Promise<void> {
  await loadDrawing()
}

/** The data of a report. */
export interface TrainingReport {
  readonly model: Sequential
  readonly dataset: Dataset
  /** Logs of every epoch. */
  readonly epochs: readonly Logs[]
  /** Rows of the table at the top of the page. */
  readonly facts: Readonly<Record<string, string | number>>
}

/** Writes a page with curves, confusion matrix, misclassified digits and the first layer's weights. */
export async function writeReport(path: string, { model, dataset, epochs, facts }: TrainingReport): Promise<void> {
  const { plot } = await import('../plot/index.js')
  const { images, labels } = dataset.test
  const outputs = await model.predict(images)
  const wrong = findMistakes(labels.data, outputs.data)
  const pixels = wrong
    .slice(0, mostMistakes)
    .flatMap(({ row }) => [...images.data.subarray(784 * row, 784 * row + 784)])
  const keys = Object.keys(epochs[0] ?? {})
  const history = Object.fromEntries(keys.map((key) => [key, epochs.map((logs) => logs[key] ?? Number.NaN)]))
  await plot.report(
    path,
    [
      { heading: 'Result', table: facts },
      ...(epochs.length > 0 ? [await plot.history(history)] : []),
      await plot.confusionMatrix(labels, outputs),
      ...(wrong.length > 0
        ? [
            await plot.images(array(Uint8Array.from(pixels), [pixels.length / 784, 784]), {
              title: `Misclassified digits: the first ${pixels.length / 784} of ${wrong.length}`,
              labels: wrong.slice(0, mostMistakes).map(({ fact, guess }) => `${fact} as ${guess}`),
              columns: 10,
            }),
          ]
        : []),
      await plot.weights(model, { title: 'Weights of the first layer' }),
    ],
    { title: `784-100-50-10 on ${dataset.name}` },
  )
}

function findMistakes(labels: Uint8Array, outputs: Float32Array) {
  return Array.from(labels, (fact, row) => {
    const chances = outputs.subarray(10 * row, 10 * row + 10)
    return { row, fact, guess: chances.indexOf(Math.max(...chances)) }
  }).filter(({ fact, guess }) => fact !== guess)
}
