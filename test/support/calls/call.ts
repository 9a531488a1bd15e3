/** Calls of public functions, which the tests of odd arguments vary, and helpers for such calls. */

import { resolve } from 'node:path'
import { input, layers, model, PreprocessingLayer, sequential } from 'neurode'

/** A call: its arguments, made anew each time, and the function that uses them. Objects among the arguments are options. */
export interface PublicCall {
  readonly name: string
  readonly args: () => unknown[]
  // biome-ignore lint/suspicious/noExplicitAny: arguments are replaced by anything
  readonly call: (...args: any[]) => unknown
}

export const x = () => [
  [0.1, 0.2],
  [0.3, 0.4],
  [0.5, 0.6],
]
export const y = () => [0, 1, 0]
export const call = (name: string, args: () => unknown[], call: PublicCall['call']): PublicCall => ({
  name,
  args,
  call,
})

// biome-ignore lint/suspicious/noExplicitAny: as above
export type Loose = any
export const small = (options: object = {}, units = 1): Loose =>
  sequential({
    layers: [layers.dense({ units: 3, inputShape: [2] }), layers.dense({ units, activation: 'sigmoid' })],
    seed: 1,
  }).compile({
    loss: 'binaryCrossentropy',
    optimizer: 'adam',
    metrics: ['accuracy'],
    device: 'cpu',
    threads: 1,
    ...options,
  })

/** Calls `use` with a model, which is disposed of at the end. */
export function onModel(
  name: string,
  args: () => unknown[],
  run: (model: Loose, args: Loose[]) => unknown,
): PublicCall {
  return call(name.includes('.') ? name : `model.${name}`, args, async (...given) => {
    using model = small()
    return await run(model, given)
  })
}

/** Trains a model for one step with an object that a factory made. */
export async function step(options: object): Promise<void> {
  using model = small(options)
  await model.fit(x(), y(), { epochs: 1, verbose: 0 })
}

/** Predicts with a model of one layer. */
export const useLayer = async (layer: Loose) => {
  if (merges.has(layer.kind)) return useMerge(layer)
  if (layer instanceof PreprocessingLayer) return await usePreprocessing(layer)
  using model: Loose = sequential([layer])
  if (model.built)
    model.predictSync({
      data: new Float32Array(model.inputShape.reduce((a: number, b: number) => a * b, 1)),
      shape: [1, ...model.inputShape],
    })
}

/** Calls a layer on some values, after it was adapted to them. */
async function usePreprocessing(layer: Loose): Promise<void> {
  const takesTexts = /^(String|Hashing|Text)/.test(layer.kind) && !layer.invert
  const values = layer.kind === 'HashedCrossing' ? [['a'], [1]] : takesTexts ? ['a', 'b'] : [1, 2]
  if (layer.isAdapted === false) await layer.adapt(values)
  layer.call(values)
}

const merges = new Set(['Add', 'Subtract', 'Multiply', 'Average', 'Maximum', 'Minimum', 'Concatenate', 'Dot'])

/** Predicts with a graph of one layer that merges two inputs. */
function useMerge(layer: Loose): void {
  const inputs = [input({ shape: [2] }), input({ shape: [2] })]
  using net = model({ inputs, outputs: layer.apply(inputs) })
  net.predictSync([x(), x()])
}

/** Predicts with a layer that has an object of a factory as one of these options. */
export const useIn = (options: object) => async (made: Loose) => {
  using model: Loose = sequential([
    layers.dense({ units: 2, inputShape: [2], ...Object.fromEntries(Object.keys(options).map((key) => [key, made])) }),
  ])
  model.predictSync(x())
}

/** A file in the current folder, which the tests choose. */
export const file = (ending: string) => `written.${ending}`
/** A file in this repository, also for calls that run in another folder. */
export const onnxFile = resolve('test/golden/files/dense.onnx')
