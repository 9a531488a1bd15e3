/** A variational autoencoder (Kingma and Welling, 2013) puts digits on a plane, and draws digits from it. */

import { array, type DatasetPart, input, layers, model, optimizers, sequential } from 'neurode'
import { plot } from 'neurode/plot'
import { loadDigits } from './digits.js'
import type { Surroundings } from './main.js'
import { seededNormal } from './random.js'

const batchSize = 64
const epochs = 4
const trained = 12_800
const tested = 500
const pixels = 784

export async function run({ dataset }: Surroundings) {
  const { name, train, test } = await loadDigits(dataset)
  const { autoencoder, encoder, decoder } = makeModels()
  const normal = seededNormal(1)
  const noiseFor = (rows: number) => Float32Array.from({ length: 2 * rows }, normal)
  const someTests = rowsOf(test, 0, tested)
  const losses: Losses[] = []
  for (let epoch = 1; epoch <= epochs; epoch++) {
    for (let first = 0; first < trained; first += batchSize) {
      const digit = rowsOf(train, first, Math.min(first + batchSize, trained))
      const noise = noiseFor(digit.shape[0] as number)
      await autoencoder.trainWithOutputGradients({ digit, noise }, (outputs) => gradientsOf(outputs, digit.data))
    }
    const outputs = await autoencoder.predict({ digit: someTests, noise: noiseFor(tested) })
    const loss = lossesOf(outputs, someTests.data)
    console.log(
      `epoch ${epoch}: reconstruction ${loss.reconstruction.toFixed(1)}, divergence ${loss.divergence.toFixed(2)}`,
    )
    losses.push(loss)
  }

  const codes = (await encoder.predict(someTests)).data
  const likeNeighbours = shareLikeNeighbours(codes, test.labels.data)
  console.log(
    `\nOn ${name}, ${(100 * likeNeighbours).toFixed(0)} % of digits lie next to one of their class on the plane.`,
  )
  return {
    results: { dataset: name, losses, codes, likeNeighbours },
    pictures: { plane: await drawPlane(decoder) },
  }
}

type Models = ReturnType<typeof makeModels>

/** The whole graph, and its two halves, which share its layers. */
function makeModels() {
  const digit = input({ shape: [pixels] })
  const noise = input({ shape: [2] })
  const hidden = layers.dense({ units: 256, activation: 'relu' }).apply(digit)
  const mean = layers.dense({ units: 2 }).apply(hidden)
  const logDeviation = layers.dense({ units: 2 }).apply(hidden)
  // A draw from the normal distribution of this mean and deviation: gradients pass through both, and none is needed of the noise.
  const deviation = layers.activation('exponential').apply(logDeviation)
  const code = layers.add().apply([mean, layers.multiply().apply([deviation, noise])])
  const draw = sequential([
    layers.dense({ units: 256, activation: 'relu', inputShape: [2] }),
    layers.dense({ units: pixels }),
  ])
  const logits = draw.apply(code)

  const autoencoder = model({ inputs: { digit, noise }, outputs: { logits, mean, logDeviation }, seed: 1 })
  autoencoder.compile({ optimizer: optimizers.adam({ learningRate: 0.004 }), loss: 'mse' })
  return {
    autoencoder,
    encoder: model({ inputs: digit, outputs: mean }),
    decoder: model({ inputs: code, outputs: layers.activation('sigmoid').apply(logits) }),
  }
}

type Outputs = Awaited<ReturnType<Models['autoencoder']['predict']>>

/** What a digit costs on average. */
interface Losses {
  /** The cross-entropy of its pixels, summed. */
  readonly reconstruction: number
  /** The Kullback-Leibler divergence of its place on the plane from the normal distribution. */
  readonly divergence: number
}

function lossesOf({ logits, mean, logDeviation }: Outputs, bytes: Uint8Array): Losses {
  let [reconstruction, divergence] = [0, 0]
  for (const [i, logit] of logits.data.entries()) {
    reconstruction += Math.max(logit, 0) - (logit * (bytes[i] as number)) / 255 + Math.log1p(Math.exp(-Math.abs(logit)))
  }
  for (const [i, m] of mean.data.entries()) {
    const s = logDeviation.data[i] as number
    divergence += (m ** 2 + Math.exp(2 * s) - 1) / 2 - s
  }
  const rows = bytes.length / pixels
  return { reconstruction: reconstruction / rows, divergence: divergence / rows }
}

/** The derivatives of the sum of both losses. */
function gradientsOf({ logits, mean, logDeviation }: Outputs, bytes: Uint8Array) {
  const rows = bytes.length / pixels
  return {
    logits: logits.data.map((logit, i) => (1 / (1 + Math.exp(-logit)) - (bytes[i] as number) / 255) / rows),
    mean: mean.data.map((m) => m / rows),
    logDeviation: logDeviation.data.map((s) => (Math.exp(2 * s) - 1) / rows),
  }
}

function rowsOf({ images }: DatasetPart, from: number, to: number) {
  return array(images.data.subarray(pixels * from, pixels * to), [to - from, pixels], { scale: 1 / 255 })
}

/** The share of digits whose nearest neighbour on the plane is of the same class. */
function shareLikeNeighbours(codes: Float32Array, labels: ArrayLike<number>): number {
  const places = Array.from(
    { length: codes.length / 2 },
    (_, row) => [codes[2 * row], codes[2 * row + 1]] as [number, number],
  )
  const like = places.filter(([x, y], row) => {
    const distances = places.map(([u, v], other) =>
      other === row ? Number.POSITIVE_INFINITY : Math.hypot(u - x, v - y),
    )
    return labels[distances.indexOf(Math.min(...distances))] === labels[row]
  })
  return like.length / places.length
}

/** Draws the digits of a grid of places, within two deviations of the middle of the plane. */
async function drawPlane(decoder: Models['decoder']) {
  const side = 12
  const along = Array.from({ length: side }, (_, i) => -2 + (4 * i) / (side - 1))
  const places = along.toReversed().flatMap((y) => along.map((x) => [x, y]))
  return plot.images(await decoder.predict(places), {
    title: 'The digit of each place on the plane, from −2 to 2',
    columns: side,
    limit: side * side,
  })
}
