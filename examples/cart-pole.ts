/** Deep Q-learning (Mnih and others, 2015): a network learns what each push is worth, while it balances a pole. */

import { array, layers, optimizers, sequential } from 'neurode'
import { plot } from 'neurode/plot'
import { actions, hasFallen, longestEpisode, type PoleState, push, standUp } from './pole.js'
import { seededUniform } from './random.js'

const batchSize = 64
const remembered = 20_000
const mostPushes = 100_000
const discount = 0.99
/** Pushes between two copies of the network into the one that says what states are worth. */
const copiedEvery = 200
/** Pushes until only one of twenty is still random. */
const explored = 5000
const trialEvery = 1000
const trials = 20

/** What a push led to. */
interface Experience {
  readonly state: PoleState
  readonly action: number
  readonly next: PoleState
  readonly fell: boolean
}

export async function run() {
  using network = makeNetwork(1)
  using target = makeNetwork(2)
  target.setWeights(network.getWeights())
  const uniform = seededUniform(1)
  const memory: Experience[] = []
  const before = play(network, 1, uniform)[0] as PoleState[]

  const lengths: number[] = []
  let pushes = 0
  let state = standUp(uniform)
  let time = 0
  const began = performance.now()
  while (pushes < mostPushes && lengths.at(-1) !== longestEpisode) {
    const exploration = Math.max(0.05, 1 - pushes / explored)
    const action =
      uniform(0, 1) < exploration ? Math.floor(uniform(0, actions)) : best((await network.predict(rows([state]))).data)
    const next = push(state, action)
    memory[pushes % remembered] = { state, action, next, fell: hasFallen(next) }
    pushes++
    time++
    const isOver = hasFallen(next) || time === longestEpisode
    state = isOver ? standUp(uniform) : next
    if (isOver) time = 0

    if (memory.length >= 10 * batchSize) await learn(network, target, memory, uniform)
    if (pushes % copiedEvery === 0) target.setWeights(network.getWeights())
    if (pushes % trialEvery === 0) {
      const steps = play(network, trials, uniform).map(({ length }) => length)
      lengths.push(steps.reduce((sum, length) => sum + length, 0) / trials)
      console.log(`after ${pushes} pushes the pole stands for ${lengths.at(-1)}, mean of ${trials} trials`)
    }
  }
  const seconds = (performance.now() - began) / 1000

  const last = play(network, 100, uniform)
  const balanced = last.filter(({ length }) => length === longestEpisode).length
  console.log(`\nBefore training, the pole fell after ${before.length} pushes.`)
  console.log(
    `After ${pushes} pushes, ${seconds.toFixed(1)} s, it stands for all ${longestEpisode} in ${balanced} of 100 trials.`,
  )
  return {
    results: { pushes, lengths, balanced, before: before.length },
    pictures: {
      learning: await plot.line(
        { pushes: lengths },
        {
          title: 'How long the pole stands while the network learns',
          xLabel: `thousands of pushes`,
          yLabel: `pushes, mean of ${trials} trials`,
        },
      ),
    },
  }
}

/** What each action is worth in a state. */
function makeNetwork(seed: number) {
  const network = sequential({
    layers: [
      layers.dense({ units: 64, activation: 'relu', inputShape: [4] }),
      layers.dense({ units: 64, activation: 'relu' }),
      layers.dense({ units: actions }),
    ],
    seed,
  })
  return network.compile({ optimizer: optimizers.adam({ learningRate: 0.001 }), loss: 'huber' })
}

/**
 * One step on a batch of what is remembered: a push that did not fell the pole is worth 1, and what the state after it is worth. The network
 * chooses the next action, and its older copy says what that is worth, so that errors are not chosen because they are large.
 */
async function learn(
  network: Network,
  target: Network,
  memory: readonly Experience[],
  uniform: (low: number, high: number) => number,
): Promise<void> {
  const batch = Array.from({ length: batchSize }, () => memory[Math.floor(uniform(0, memory.length))] as Experience)
  const states = rows(batch.map((each) => each.state))
  const next = rows(batch.map((each) => each.next))
  const { data: worth } = await network.predict(states)
  const { data: choices } = await network.predict(next)
  const { data: values } = await target.predict(next)
  for (const [row, { action, fell }] of batch.entries()) {
    const at = actions * row
    const later = values[at + best(choices.subarray(at, at + actions))] as number
    worth[at + action] = fell ? 0 : 1 + discount * later
  }
  await network.trainOnBatch(states, array(worth, [batchSize, actions]))
}

type Network = ReturnType<typeof makeNetwork>

/** States as rows of input. */
function rows(states: readonly PoleState[]) {
  return array(Float32Array.from(states.flat()), [states.length, 4])
}

/** The action that is worth most. */
function best(worth: ArrayLike<number>): number {
  let at = 0
  for (let action = 1; action < worth.length; action++)
    if ((worth[action] as number) > (worth[at] as number)) at = action
  return at
}

/** Plays episodes side by side, always with the best action, and returns the states of each. */
function play(network: Network, count: number, uniform: (low: number, high: number) => number): PoleState[][] {
  const games = Array.from({ length: count }, () => [standUp(uniform)])
  let standing = games
  for (let time = 1; time < longestEpisode && standing.length > 0; time++) {
    const { data } = network.predictSync(rows(standing.map((states) => states.at(-1) as PoleState)))
    for (const [row, states] of standing.entries()) {
      states.push(push(states.at(-1) as PoleState, best(data.subarray(actions * row, actions * (row + 1)))))
    }
    standing = standing.filter((states) => !hasFallen(states.at(-1) as PoleState))
  }
  return games
}
