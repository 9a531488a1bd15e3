/** The names of all functions that users can call: exports, members of tables, constructors, methods and setters. */

import * as core from 'neurode'
import * as plot from 'neurode/plot'
import { plot as plots } from 'neurode/plot'
import * as serve from 'neurode/serve'

const modules: readonly object[] = [core, plot, serve]

const isClass = (value: unknown) =>
  typeof value === 'function' && /^class\b/.test(Function.prototype.toString.call(value))

/** The names of exports that can be called: functions, members of tables as `layers.dense`, classes as `new Dense`. */
export function exportedFunctions(): string[] {
  return modules.flatMap((module) =>
    Object.entries(module).flatMap(([name, value]) => {
      if (isClass(value)) return [`new ${name}`]
      if (typeof value === 'function') return [name]
      const members = Object.entries(value as object).filter(([, member]) => typeof member === 'function')
      return members.map(([member]) => `${name}.${member}`)
    }),
  )
}

/** The names of an object's methods and setters, including those of its classes, as `model.fit`. */
export function methodsOf(name: string, object: object): string[] {
  const found = new Set<string>()
  for (let level = object; level !== Object.prototype && level !== null; level = Object.getPrototypeOf(level)) {
    for (const [key, { value, set }] of Object.entries(Object.getOwnPropertyDescriptors(level))) {
      if (key !== 'constructor' && (set !== undefined || (typeof value === 'function' && !isClass(value))))
        found.add(key)
    }
  }
  return [...found].map((key) => `${name}.${key}`)
}

/** Objects that users get from calls and whose methods they call, by the name that the calls use for each. */
export async function objects(): Promise<Readonly<Record<string, object>>> {
  const { layers, optimizers, schedules } = core
  const model = core.sequential([layers.dense({ units: 1, inputShape: [2] })], { seed: 1 })
  model.compile({ loss: 'mse', device: 'cpu', threads: 1 })
  await core.writeNpy('rows.npy', [[1, 2]])
  const predictor = model.predictor()
  const server = await serve.serve({ models: { model }, port: 0, device: 'cpu', threads: 1 })
  await server.close()
  return {
    model,
    layer: layers.dense({ units: 1 }),
    normalization: layers.normalization(),
    lookup: layers.stringLookup({ vocabulary: ['a'] }),
    vectorization: layers.textVectorization({ vocabulary: ['a'] }),
    bins: layers.discretization({ binBoundaries: [0] }),
    sparse: layers.hashing({ numBins: 2, outputMode: 'count', sparse: true }).call(['a']),
    optimizer: optimizers.sgd(),
    schedule: schedules.cosineDecay({ initialLearningRate: 1, decaySteps: 1 }),
    prediction: await model.predict([[1, 2]]),
    summary: model.summary({ print: false }),
    csv: await core.readCsv(new TextEncoder().encode('a\n1\n')),
    table: core.table({ a: [1] }),
    features: core.featureSpace({ features: { a: 'number' } }),
    tabular: core.tabular({ target: 'a' }),
    rows: await core.openNpy('rows.npy'),
    safetensors: await core.readSafetensors(
      await core.writeSafetensors('a.safetensors', { a: [1] }).then(() => 'a.safetensors'),
    ),
    predictor,
    batcher: serve.batcher(predictor),
    server,
    picture: await plots.line({ a: [1, 2] }),
    initializer: core.initializers.zeros(),
    regularizer: core.regularizers.l2(),
    constraint: core.constraints.nonNeg(),
    activation: core.activations.relu(),
    loss: core.losses.huber(),
    metric: core.metrics.auc(),
  }
}
