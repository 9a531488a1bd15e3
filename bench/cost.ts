/** Measures what optimizers and layers cost: epochs of `fit` with each, alternating with epochs of the same network under plain SGD. */

import { type Layer, layers, type Optimizer, optimizers, sequential } from 'neurode'
import { integerOption, type ParsedArguments } from '#lib/cli/options.js'
import { median, type Row, round } from './report.js'
import { benchRows, compileOptions, netOption } from './setup.js'

interface Variant {
  readonly optimizer?: Optimizer
  /** Layers between the matrix product and the activation of a hidden layer. */
  readonly between?: () => readonly Layer[]
  /** Layers behind the activation of a hidden layer. */
  readonly behind?: () => readonly Layer[]
}

const variants: Readonly<Record<string, Variant>> = {
  sgd: {},
  momentum: { optimizer: optimizers.sgd({ momentum: 0.9 }) },
  rmsprop: { optimizer: optimizers.rmsprop() },
  adam: { optimizer: optimizers.adam() },
  adamw: { optimizer: optimizers.adamw() },
  globalClipNorm: { optimizer: optimizers.sgd({ globalClipNorm: 1 }) },
  dropout: { behind: () => [layers.dropout({ rate: 0.2 })] },
  batchNormalization: { between: () => [layers.batchNormalization()] },
  layerNormalization: { between: () => [layers.layerNormalization()] },
}

function build(
  net: readonly number[],
  args: ParsedArguments,
  { optimizer = optimizers.sgd(), between, behind }: Variant,
) {
  const [inputs = 1, ...units] = net
  const body = units.flatMap((size, i): readonly Layer[] => {
    const shape = i === 0 ? { inputShape: [inputs] } : {}
    if (i === units.length - 1) return [layers.dense({ units: size, activation: 'softmax', ...shape })]
    const inner = between?.() ?? []
    return inner.length > 0
      ? [layers.dense({ units: size, ...shape }), ...inner, layers.activation('relu')]
      : [layers.dense({ units: size, activation: 'relu', ...shape }), ...(behind?.() ?? [])]
  })
  return sequential({ layers: body, seed: 1 }).compile({ ...compileOptions(args), optimizer })
}

export async function* cost(args: ParsedArguments): AsyncGenerator<Row> {
  const net = netOption(args)
  const batchSize = integerOption(args, 'batch', 1) ?? 128
  const epochs = integerOption(args, 'epochs', 1) ?? 5
  const { name: dataset, images, labels } = await benchRows(net, integerOption(args, 'rows', 1) ?? 60_000)
  const models = Object.entries(variants).map(([name, variant]) => ({
    name,
    model: build(net, args, variant),
    seconds: [] as number[],
  }))
  for (let i = 0; i <= epochs; i++) {
    for (const { model, seconds } of models) {
      const { epochSeconds } = await model.fit(images, labels, { batchSize, verbose: 0 })
      if (i > 0) seconds.push(epochSeconds[0] as number)
    }
  }
  const plain = models[0]?.seconds ?? []
  for (const { name, model, seconds } of models) {
    yield {
      bench: 'cost',
      name,
      device: model.device,
      isa: model.isa,
      threads: model.threads,
      net,
      batch: batchSize,
      dataset,
      epochs,
      medianEpochSeconds: round(median(seconds)),
      // The ratio is taken within each turn, so that both times come from the same state of the machine.
      timesSgd: round(median(seconds.map((value, turn) => value / (plain[turn] as number)))),
    }
    model.dispose()
  }
}
