/** A generator learns to make points like given ones from a critic, which learns to tell them apart (Goodfellow et al., 2014). */

import { array, input, layers, model, optimizers, sequential } from 'neurode'
import { plot } from 'neurode/plot'
import { seededNormal, seededUniform } from './random.js'

const rows = 128
const steps = 2000
const clusters = 8
const spread = 0.05
/** The critic's answers for points that are real, and for a batch of which half are real and half generated. */
const real = new Float32Array(rows).fill(1)
const halfReal = new Float32Array(2 * rows).fill(1, 0, rows)

export async function run() {
  const [byGraph, byHand] = [makePair(), makePair()]
  await train(byGraph, 20, throughGraph(byGraph))
  await train(byHand, 20, throughGradients(byHand))
  const difference = largestDifference(byGraph, byHand)
  console.log(`After 20 steps of each way, the generators differ by ${difference} at most.`)

  const untrained = await drawPair(makePair(), 'Before training')
  await train(byHand, steps - 20, throughGradients(byHand))
  const points = (await byHand.generator.predict(byHand.noise(1000))).data
  const counts = countClusters(points)
  const near = counts.reduce((sum, count) => sum + count, 0)
  console.log(`After ${steps} steps, ${near} of 1000 generated points lie in a cluster: ${counts.join(', ')}.`)
  return {
    results: { difference, near, counts, points },
    pictures: {
      untrained,
      trained: await drawPair(byHand, `After ${steps} steps`),
    },
  }
}

type Pair = ReturnType<typeof makePair>

/** A generator of points, a critic that says how likely a point is real, and the random numbers of both. */
function makePair() {
  const generator = sequential({
    layers: [
      layers.dense({ units: 64, activation: 'relu', inputShape: [2] }),
      layers.dense({ units: 64, activation: 'relu' }),
      layers.dense({ units: 2 }),
    ],
    seed: 5,
  })
  const critic = sequential({
    layers: [
      layers.dense({ units: 64, activation: 'leakyRelu', inputShape: [2] }),
      layers.dense({ units: 64, activation: 'leakyRelu' }),
      layers.dense({ units: 1, activation: 'sigmoid' }),
    ],
    seed: 6,
  })
  const loss = 'binaryCrossentropy'
  generator.compile({ optimizer: makeOptimizer(), loss })
  critic.compile({ optimizer: makeOptimizer(), loss })
  const [uniform, normal] = [seededUniform(5), seededNormal(6)]
  return {
    generator,
    critic,
    noise: (count: number) => Float32Array.from({ length: 2 * count }, () => uniform(-1, 1)),
    /** Draws points from clusters on a circle. */
    real: (count: number) => {
      const points = Array.from({ length: count }, () => {
        const [x, y] = centre(Math.floor(uniform(0, clusters)))
        return [x + spread * normal(), y + spread * normal()]
      })
      return Float32Array.from(points.flat())
    },
  }
}

function makeOptimizer() {
  return optimizers.adam({ learningRate: 0.002, beta1: 0.5 })
}

/** Takes one step of the generator, which learns to make what the critic calls real. The critic does not change. */
type GeneratorStep = (noise: Float32Array) => Promise<unknown>

/** One way: gradients of the critic's inputs are gradients of the generator's outputs. */
function throughGradients({ generator, critic }: Pair): GeneratorStep {
  return (noise) =>
    generator.trainWithOutputGradients(noise, async (points) => {
      const { inputs } = await critic.valueAndGradients(points, real, { inputs: true })
      return inputs
    })
}

/** The other way: a graph of both, in which the critic is frozen. It makes native models anew twice in each step. */
function throughGraph({ generator, critic }: Pair): GeneratorStep {
  const noise = input({ shape: [2] })
  const both = model({ inputs: noise, outputs: critic.apply(generator.apply(noise)) })
  both.compile({ optimizer: makeOptimizer(), loss: 'binaryCrossentropy' })
  return async (noise) => {
    critic.trainable = false
    const { gradients } = await both.valueAndGradients(noise, real)
    await both.applyGradients(gradients)
    critic.trainable = true
  }
}

async function train(pair: Pair, count: number, step: GeneratorStep): Promise<void> {
  const points = new Float32Array(2 * 2 * rows)
  for (let i = 0; i < count; i++) {
    points.set(pair.real(rows))
    points.set((await pair.generator.predict(pair.noise(rows))).data, 2 * rows)
    await pair.critic.trainOnBatch(points, halfReal)
    await step(pair.noise(rows))
  }
}

function centre(cluster: number): [x: number, y: number] {
  const angle = (2 * Math.PI * cluster) / clusters
  return [Math.cos(angle), Math.sin(angle)]
}

/** How many points lie within four standard deviations of the centre of each cluster. */
function countClusters(points: Float32Array): number[] {
  const counts = new Array<number>(clusters).fill(0)
  for (let at = 0; at < points.length; at += 2) {
    const [x, y] = points.subarray(at, at + 2) as unknown as [number, number]
    const cluster = counts.findIndex((_, i) => Math.hypot(x - centre(i)[0], y - centre(i)[1]) < 4 * spread)
    if (cluster >= 0) counts[cluster] = (counts[cluster] as number) + 1
  }
  return counts
}

function largestDifference(one: Pair, other: Pair): number {
  const weights = ({ generator }: Pair) => generator.getWeights().flatMap(({ data }) => [...data])
  const others = weights(other)
  return Math.max(...weights(one).map((value, i) => Math.abs(value - (others[i] as number))))
}

async function drawPair({ generator, critic, real, noise }: Pair, title: string) {
  const [given, made] = [real(120), (await generator.predict(noise(400))).data]
  const count = (given.length + made.length) / 2
  return plot.decisionBoundary(critic, {
    title,
    x: array(Float32Array.of(...given, ...made), [count, 2]),
    y: Uint8Array.from({ length: count }, (_, i) => Number(i < given.length / 2)),
    classes: ['generated', 'real'],
    xLabel: 'x',
    yLabel: 'y',
    xRange: [-1.6, 1.6],
    yRange: [-1.6, 1.6],
  })
}
