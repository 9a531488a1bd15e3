/** Which pixels a network looks at, and how little must change for it to see another digit (Goodfellow, Shlens and Szegedy, 2014). */

import { array, type DatasetPart, input, layers, model, type NdArray } from 'neurode'
import { plot } from 'neurode/plot'
import { loadDigits } from './digits.js'
import type { Surroundings } from './main.js'
import { seededUniform } from './random.js'

const pixels = 784
const tested = 2000
/** The change of a pixel, between white, 0, and black, 1. */
const change = 0.1
const erased = 40

export async function run({ dataset }: Surroundings) {
  const { name, train, test } = await loadDigits(dataset)
  const image = input({ shape: [pixels] })
  const scores = layers.dense(10).apply(layers.dense({ units: 100, activation: 'relu' }).apply(image))
  using scorer = model({ inputs: image, outputs: scores })
  using classifier = model({ inputs: image, outputs: layers.softmax().apply(scores), seed: 1 })
  const compiled = classifier.compile({
    optimizer: 'adam',
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['accuracy'],
  })
  await compiled.fit(train.images, train.labels, { batchSize: 128, epochs: 3, verbose: 0 })
  const { digits, labels } = take(test, tested)
  const accuracyOf = async (images: NdArray<Float32Array>) => (await compiled.evaluate(images, labels)).accuracy

  // How the score of each digit's own class changes with a pixel, times the pixel: what that pixel adds to the score.
  const ownClass = Float32Array.from({ length: 10 * tested }, (_, i) => Number(i % 10 === labels[Math.floor(i / 10)]))
  const { inputs: slopesOfScore } = await scorer.backward(digits, ownClass)
  const shares = like(digits, (pixel, i) => pixel * (slopesOfScore.data[i] as number))
  const bySaliency = erase(digits, (i) => shares.data[i] as number)
  const uniform = seededUniform(1)
  const atRandom = erase(digits, (i) => (digits.data[i] as number) && uniform(0, 1))

  // How the loss changes with a pixel: steps that make it larger.
  const { inputs: slopesOfLoss } = await compiled.valueAndGradients(digits, labels, { inputs: true, training: false })
  const directions = like(digits, (_, i) => Math.sign(slopesOfLoss.data[i] as number))
  const adversarial = like(digits, (pixel, i) => clamp(pixel + change * (directions.data[i] as number)))
  const noisy = like(digits, (pixel) => clamp(pixel + change * Math.sign(uniform(-1, 1))))

  const results = {
    dataset: name,
    accuracy: await accuracyOf(digits),
    erasedAtRandom: await accuracyOf(atRandom),
    erasedBySaliency: await accuracyOf(bySaliency),
    noisy: await accuracyOf(noisy),
    adversarial: await accuracyOf(adversarial),
  }
  const percent = (share: number) => `${(100 * share).toFixed(1).padStart(5)} %`
  console.log(`Accuracy on ${tested} digits of ${name}`)
  console.log(`  as they are                                       ${percent(results.accuracy)}`)
  console.log(`  ${erased} dark pixels erased at random                   ${percent(results.erasedAtRandom)}`)
  console.log(`  the ${erased} pixels erased that add most to the score   ${percent(results.erasedBySaliency)}`)
  console.log(`  each pixel changed by ${change} at random               ${percent(results.noisy)}`)
  console.log(`  each pixel changed by ${change} along its gradient       ${percent(results.adversarial)}`)

  const shown = Array.from({ length: 10 }, (_, digit) => labels.indexOf(digit))
  const answersTo = async (images: NdArray<Float32Array>) => {
    const probabilities = (await classifier.predict(images)).data
    return (row: number) => nameLikeliest(probabilities.subarray(10 * row, 10 * row + 10))
  }
  const given = { images: digits, label: (row: number) => String(labels[row]) }
  return {
    results,
    pictures: {
      saliency: await drawRows('Digits, what adds to their scores, and the answers without it', shown, [
        given,
        { images: normalize(shares) },
        { images: bySaliency, label: await answersTo(bySaliency) },
      ]),
      adversarial: await drawRows('Digits, how their pixels are changed, and the answers after that', shown, [
        given,
        { images: like(directions, (sign) => (1 + sign) / 2) },
        { images: adversarial, label: await answersTo(adversarial) },
      ]),
    },
  }
}

/** The first digits, as numbers from 0 to 1, and their labels. */
function take({ images, labels }: DatasetPart, count: number) {
  const numbers = Float32Array.from(images.data.subarray(0, pixels * count), (byte) => byte / 255)
  return { digits: array(numbers, [count, pixels]), labels: labels.data.subarray(0, count) }
}

function like({ data, shape }: NdArray<Float32Array>, pixelAt: (pixel: number, i: number) => number) {
  return array(data.map(pixelAt), shape)
}

function clamp(pixel: number): number {
  return Math.min(Math.max(pixel, 0), 1)
}

/** Makes the pixels white that have the largest weights in each digit. */
function erase(digits: NdArray<Float32Array>, weightOf: (i: number) => number) {
  const data = digits.data.slice()
  for (let first = 0; first < data.length; first += pixels) {
    const weights = Array.from({ length: pixels }, (_, i) => weightOf(first + i))
    const order = [...weights.keys()].sort((a, b) => (weights[b] as number) - (weights[a] as number))
    for (const i of order.slice(0, erased)) data[first + i] = 0
  }
  return array(data, digits.shape)
}

/** What is above 0 in each image, from 0 to 1. */
function normalize(images: NdArray<Float32Array>) {
  const largest = Array.from({ length: images.data.length / pixels }, (_, row) =>
    Math.max(...images.data.subarray(pixels * row, pixels * (row + 1))),
  )
  return like(images, (value, i) => Math.max(0, value) / (largest[Math.floor(i / pixels)] as number))
}

function nameLikeliest(probabilities: Float32Array): string {
  const highest = Math.max(...probabilities)
  return `${probabilities.indexOf(highest)} (${(100 * highest).toFixed(0)} %)`
}

interface ImageRow {
  readonly images: NdArray<Float32Array>
  readonly label?: (digit: number) => string
}

/** Draws a row of images of the same digits for each entry. */
function drawRows(title: string, digits: readonly number[], rows: readonly ImageRow[]) {
  const tiles = rows.flatMap(({ images: { data } }) =>
    digits.map((at) => data.subarray(pixels * at, pixels * (at + 1))),
  )
  return plot.images(array(tiles, [tiles.length, pixels]), {
    title,
    columns: digits.length,
    labels: rows.flatMap(({ label = () => '' }) => digits.map(label)),
  })
}
