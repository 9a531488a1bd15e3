/** Optimizers and learning-rate schedules as Keras and TensorFlow.js have them. */

import { toSnake } from './reading.js'

/** Keras' classes of optimizers, by Neurode's names. */
export const optimizerClasses: Readonly<Record<string, string>> = {
  sgd: 'SGD',
  adam: 'Adam',
  adamw: 'AdamW',
  rmsprop: 'RMSprop',
  adagrad: 'Adagrad',
  adadelta: 'Adadelta',
  adamax: 'Adamax',
  nadam: 'Nadam',
  lion: 'Lion',
  ftrl: 'Ftrl',
}

/** Neurode's names by Keras' classes, and by those of TensorFlow.js that differ. */
export const optimizerNames: ReadonlyMap<string, string> = new Map([
  ...Object.entries(optimizerClasses).map(([name, className]): [string, string] => [className, name]),
  ['Momentum', 'sgd'],
  ['RMSProp', 'rmsprop'],
])

/** Options by Keras' names, where those are not Neurode's in snake_case. */
const ownKeys: Readonly<Record<string, string>> = {
  beta_1: 'beta1',
  beta_2: 'beta2',
  clipnorm: 'clipNorm',
  clipvalue: 'clipValue',
  global_clipnorm: 'globalClipNorm',
  lr: 'learningRate',
  useNesterov: 'nesterov',
}
const kerasKeys = new Map(Object.entries(ownKeys).map(([keras, own]) => [own, keras]))
kerasKeys.set('learningRate', 'learning_rate')
kerasKeys.delete('nesterov')

/** Keras' name of an option. */
export function kerasKey(option: string): string {
  return kerasKeys.get(option) ?? toSnake(option)
}

/** Neurode's name of an option, which may be written in snake_case or, by TensorFlow.js, in camelCase. */
export function optionOf(key: string): string {
  if (Object.hasOwn(ownKeys, key)) return ownKeys[key] as string
  return key.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}

/** Keras' classes of schedules, by Neurode's names. */
export const scheduleClasses: Readonly<Record<string, string>> = {
  exponentialDecay: 'ExponentialDecay',
  inverseTimeDecay: 'InverseTimeDecay',
  piecewiseConstantDecay: 'PiecewiseConstantDecay',
  polynomialDecay: 'PolynomialDecay',
  cosineDecay: 'CosineDecay',
  cosineDecayRestarts: 'CosineDecayRestarts',
}

/** The optimizers of TensorFlow.js, by Neurode's names: the class, and the options that are written. */
export const tfjsOptimizers: Readonly<Record<string, readonly [className: string, options: readonly string[]]>> = {
  sgd: ['SGD', []],
  adam: ['Adam', ['beta1', 'beta2', 'epsilon']],
  adamax: ['Adamax', ['beta1', 'beta2', 'epsilon']],
  rmsprop: ['RMSProp', ['rho', 'momentum', 'epsilon', 'centered']],
  adagrad: ['Adagrad', ['initialAccumulatorValue']],
  adadelta: ['Adadelta', ['rho', 'epsilon', 'previousAverage']],
}

/** Options of every optimizer that say nothing here. */
export const idleOptimizerKeys = ['name', 'jit_compile', 'is_legacy_optimizer', 'dtype']
