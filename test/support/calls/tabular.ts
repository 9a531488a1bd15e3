/** Calls of features and of models of tables. */

import { distribution, FeatureSpace, feature, featureSpace, table, tabular } from 'neurode'
import { call, type Loose, type PublicCall } from './call.js'

const rows = () =>
  Array.from({ length: 12 }, (_, i) => ({
    size: i,
    kind: i % 2 ? 'flat' : 'house',
    notes: i % 3 ? 'by the sea' : 'new',
    weight: 1 + (i % 2),
    price: 3 * i + 1,
    sold: i % 4 === 0,
  }))

const features = () => featureSpace({ features: { size: 'number', kind: 'category' } })
const settings = (options: object = {}): Loose => ({ target: 'price', threads: 1, device: 'cpu', seed: 1, ...options })

/** The call of a factory of `feature`, and of a space that uses what it makes. */
function made(name: string, args: () => unknown[], cells: readonly unknown[]): PublicCall {
  return call(`feature.${name}`, args, async (...given) => {
    const space = featureSpace({ features: { a: (feature as Loose)[name.split(' ')[0] as string](...given) } })
    await space.adapt({ a: cells } as Loose)
    return space.encode({ a: cells } as Loose)
  })
}

const numbers = [1, 2, 3, 4]
const words = ['x', 'y', 'x', 'x']
const codes = { numOovIndices: 1, maxTokens: 3, outputMode: 'oneHot' }

async function trained(options: object, use: (net: Loose) => unknown): Promise<unknown> {
  using net = tabular(settings(options)) as Loose
  await net.fit(table(rows()), { epochs: 1, verbose: 0 })
  return await use(net)
}

export const tabularCalls: readonly PublicCall[] = [
  made('float', () => [], numbers),
  made('floatRescaled', () => [{ scale: 2, offset: 1 }], numbers),
  made('floatNormalized', () => [], numbers),
  made('floatDiscretized', () => [{ numBins: 3, outputMode: 'oneHot' }], numbers),
  made('floatDiscretized between boundaries', () => [{ binBoundaries: [1, 2], outputMode: 'oneHot' }], numbers),
  made('stringCategorical', () => [codes], words),
  made('integerCategorical', () => [codes], numbers),
  made('stringHashed', () => [{ numBins: 3, outputMode: 'oneHot' }], words),
  made('integerHashed', () => [{ numBins: 3, outputMode: 'oneHot' }], numbers),
  made('number', () => [{ log: true }], numbers),
  made('category', () => [{ minCount: 1, ...codes }], words),
  made('hash', () => [{ bins: 3, outputMode: 'oneHot' }], words),
  made('bins', () => [{ quantiles: 3, outputMode: 'oneHot' }], numbers),
  made('bins between boundaries', () => [{ boundaries: [1, 2], outputMode: 'oneHot' }], numbers),
  made('date', () => [], [new Date(0), new Date(1e11)]),
  made('boolean', () => [], [true, false]),
  made('text', () => [{ maxTokens: 3, outputMode: 'count' }], words),
  call(
    'feature.cross',
    () => [['size', 'kind'], { bins: 3, outputMode: 'oneHot' }],
    (...args) => {
      const crosses = [(feature.cross as Loose)(...args)]
      return featureSpace({ features: { size: 'bins', kind: 'category' }, crosses })
    },
  ),
  ...(['featureSpace', 'new FeatureSpace'] as const).map((name) =>
    call(
      name,
      () => [
        {
          features: { size: 'bins', kind: 'category' },
          crosses: [['size', 'kind']],
          outputMode: 'concat',
          crossingDim: 4,
          hashingDim: 4,
          numDiscretizationBins: 4,
        },
      ],
      (options) => (name === 'featureSpace' ? featureSpace(options) : new FeatureSpace(options)),
    ),
  ),
  call(
    'features.adapt',
    () => [rows().slice(0, 2)],
    (data) => features().adapt(data),
  ),
  call(
    'features.encode',
    () => [rows().slice(0, 2)],
    async (data) => (await features().adapt(rows())).encode(data),
  ),
  call(
    'features.learned',
    () => ['kind'],
    async (name) => (await features().adapt(rows())).learned(name),
  ),
  call(
    'tabular',
    () => [
      settings({
        features: features(),
        task: 'regression',
        hidden: [4],
        activation: 'relu',
        dropout: 0.1,
        optimizer: 'adam',
        logTarget: true,
        fillGaps: true,
        markGaps: true,
        distribution: distribution.dataParallel({ parts: 2 }),
      }),
    ],
    async (options) => {
      using net = tabular(options) as Loose
      await net.fit(table(rows()), { epochs: 1, verbose: 0 })
    },
  ),
  call(
    'tabular.fit',
    () => [
      table(rows()),
      {
        validationData: table(rows()),
        earlyStopping: false,
        sampleWeight: 'weight',
        batchSize: 4,
        epochs: 1,
        resume: false,
        shuffle: true,
        seed: 1,
        validationBatchSize: 4,
        validationFreq: 1,
        verbose: 0,
        stream: { write: () => true },
        callbacks: [],
        onProgress: () => {},
        // Some odd numbers of epochs would take very long.
        signal: AbortSignal.timeout(2000),
      },
    ],
    async (...args) => {
      using net = tabular(settings()) as Loose
      await net.fit(...args)
    },
  ),
  call(
    'tabular.fit of classes',
    () => [
      table(rows()),
      { validationSplit: 0.25, classWeight: 'balanced', epochs: 1, verbose: 0, signal: AbortSignal.timeout(2000) },
    ],
    async (...args) => {
      using net = tabular(settings({ target: 'sold' })) as Loose
      await net.fit(...args)
    },
  ),
  call(
    'tabular.predict',
    () => [[{ size: 1 }]],
    (...args) => trained({}, (net) => net.predict(...args)),
  ),
  call(
    'tabular.evaluate',
    () => [table(rows())],
    (...args) => trained({}, (net) => net.evaluate(...args)),
  ),
  call(
    'tabular.summary',
    () => [{ print: false }],
    (...args) => trained({}, (net) => net.summary(...args)),
  ),
  call(
    'tabular.dispose',
    () => [],
    (...args) => trained({}, (net) => net.dispose(...args)),
  ),
  call(
    'tabular.save',
    () => ['table.neurode'],
    (...args) => trained({}, (net) => net.save(...args)),
  ),
]
