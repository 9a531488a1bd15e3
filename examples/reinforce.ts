/** REINFORCE (Williams, 1992): a network learns to balance a pole from nothing but how long it stood. */

import { layers, optimizers, sequential } from 'neurode'
import { plot } from 'neurode/plot'
import { actions, hasFallen, longestEpisode, type PoleState, push, standUp } from './pole.js'
import { seededUniform } from './random.js'

const episodesPerStep = 16
const mostSteps = 200
const discount = 0.99

/** What happened in one episode: the states, and what was done in each. */
interface Episode {
  readonly states: PoleState[]
  readonly actions: number[]
}

/** The probabilities of all actions, in a row for each state. */
type Policy = (states: readonly PoleState[]) => Float32Array

export async function run() {
  using policy = sequential({
    layers: [
      layers.dense({ units: 32, activation: 'tanh', inputShape: [4] }),
      layers.dense({ units: actions, activation: 'softmax' }),
    ],
    seed: 1,
  })
  policy.compile({ optimizer: optimizers.adam({ learningRate: 0.02 }), loss: 'categoricalCrossentropy' })
  const probabilities: Policy = (states) => policy.predictSync(states).data
  const uniform = seededUniform(1)
  const sample = (row: ArrayLike<number>) => (uniform(0, 1) < (row[1] as number) ? 1 : 0)
  const [before] = play(probabilities, 1, sample, uniform) as [Episode]

  const lengths: number[] = []
  const isDone = () => lengths.length >= 3 && lengths.slice(-3).every((length) => length === longestEpisode)
  while (lengths.length < mostSteps && !isDone()) {
    const episodes = play(probabilities, episodesPerStep, sample, uniform)
    const chosen = episodes.flatMap((episode) => episode.actions)
    const advantages = standardize(episodes.flatMap(({ actions }) => returnsOf(actions.length)))
    await policy.trainWithOutputGradients(
      episodes.flatMap(({ states }) => states),
      ({ data }) => {
        // The derivative of -mean(advantage · log(probability of what was done)).
        const gradients = new Float32Array(data.length)
        for (const [row, action] of chosen.entries()) {
          const at = actions * row + action
          gradients[at] = -(advantages[row] as number) / (data[at] as number) / chosen.length
        }
        return gradients
      },
    )
    lengths.push(chosen.length / episodesPerStep)
    if (lengths.length % 10 === 0) console.log(`after ${lengths.length} steps of training: ${lengths.at(-1)} pushes`)
  }

  const trials = play(probabilities, 100, sample, uniform)
  const balanced = trials.filter(({ states }) => states.length === longestEpisode).length
  const [after] = trials as [Episode]
  console.log(`\nBefore training, the pole fell after ${before.states.length} pushes.`)
  console.log(
    `After ${lengths.length} steps it stands for all ${longestEpisode} in ${balanced} of ${trials.length} trials.`,
  )
  return {
    results: { lengths, balanced, before: before.states.length, after: after.states.length },
    pictures: {
      learning: await plot.line(
        { pushes: lengths },
        {
          title: 'How long the pole stands while the policy learns',
          xLabel: 'step of training',
          yLabel: `pushes, mean of ${episodesPerStep} episodes`,
        },
      ),
      angle: await plot.line(
        { 'before training': degrees(before), 'after training': degrees(after) },
        { title: 'The angle of the pole', xLabel: 'push', yLabel: 'degrees' },
      ),
    },
  }
}

/** Plays episodes side by side, so that one prediction is for all poles that stand. `choose` picks an action by its probability. */
function play(
  policy: Policy,
  count: number,
  choose: (probabilities: Float32Array) => number,
  uniform: (low: number, high: number) => number,
): Episode[] {
  const games = Array.from({ length: count }, () => ({
    state: standUp(uniform),
    states: [] as PoleState[],
    actions: [] as number[],
  }))
  let standing = games
  for (let time = 0; time < longestEpisode && standing.length > 0; time++) {
    const outputs = policy(standing.map(({ state }) => state))
    for (const [row, game] of standing.entries()) {
      const action = choose(outputs.subarray(actions * row, actions * (row + 1)))
      game.states.push(game.state)
      game.actions.push(action)
      game.state = push(game.state, action)
    }
    standing = standing.filter(({ state }) => !hasFallen(state))
  }
  return games
}

/** The return of each push: 1 for itself and for every later one, discounted by how much later it is. */
function returnsOf(length: number): number[] {
  return Array.from({ length }, (_, time) => (1 - discount ** (length - time)) / (1 - discount))
}

/** Moves and scales values to mean 0 and standard deviation 1. */
function standardize(values: readonly number[]): number[] {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
  return values.map((value) => (value - mean) / Math.sqrt(variance + 1e-8))
}

function degrees({ states }: Episode): number[] {
  return states.map(([, , angle]) => (angle / Math.PI) * 180)
}
