/** The golden cases that no suite runs, with the reasons. Suites have to run all other cases. */

import type { GoldenCase } from './support/golden.js'

interface Gap {
  readonly file: string
  /** Classes to which the reason applies. Default: every class of the file. */
  readonly classes?: readonly string[]
  readonly when?: (golden: GoldenCase) => boolean
  readonly reason: string
}

const preprocessing = 'tables/preprocessing.json'

const gaps: readonly Gap[] = [
  // activations.json
  {
    file: 'activations.json',
    when: ({ advisory }) => advisory === true,
    reason: 'advisory: what happens to non-finite inputs is not binding; ops.test.ts has its own rules for them',
  },
  {
    file: 'activations.json',
    classes: ['glu', 'sparsemax'],
    reason: 'neither pointwise nor a softmax: not among the activations',
  },
  {
    file: 'activations.json',
    classes: ['softmax', 'log_softmax'],
    when: ({ config }) => config.config.axis === 0,
    reason: 'an axis across rows: a row of the batch never depends on another',
  },

  // losses.json
  {
    file: 'losses.json',
    classes: ['Dice', 'Tversky', 'Circle'],
    reason: 'not among the losses: of a batch as a whole, or of pairs of rows, where a loss here is of one row',
  },

  // tables/curves.json
  {
    file: 'tables/curves.json',
    when: ({ inputs, outputs }) => !outputs.error && [inputs.sample_weight ?? []].flat().some((each) => each < 0),
    reason: 'advisory: weights below 0 are an error, which is better than meaningless rates',
  },

  // tables/preprocessing.json
  {
    file: preprocessing,
    classes: ['IntegerLookup'],
    when: ({ optional }) => optional !== undefined,
    reason: 'an error, which is optional: integers beyond 2^53 can be texts',
  },
  {
    file: preprocessing,
    classes: ['IntegerLookup', 'Hashing', 'CategoryEncoding'],
    when: ({ advisory, inputs }) => advisory !== undefined && `${inputs.dtype}`.startsWith('float'),
    reason: 'an error, which is as good: a fraction, or an infinite number, is no whole number',
  },
  {
    file: preprocessing,
    classes: ['CategoryEncoding'],
    when: ({ advisory, documented }) => advisory !== undefined && documented === undefined,
    reason: 'an error, which is documented: an index outside of the range',
  },
  {
    file: preprocessing,
    classes: ['StringLookup', 'IntegerLookup'],
    when: ({ advisory, config: { config } }) => advisory !== undefined && config.max_tokens !== undefined,
    reason: 'an error, which is better: maxTokens has no room for the mask and unknown words',
  },
  {
    file: preprocessing,
    classes: ['StringLookup'],
    when: ({ advisory, documented, outputs }) =>
      advisory !== undefined && documented === undefined && outputs.error !== undefined,
    reason: 'advisory: a gap is the mask or an unknown word',
  },
  {
    file: preprocessing,
    classes: ['Discretization'],
    when: ({ advisory, inputs }) => advisory !== undefined && `${inputs.adapt}`.includes('NaN'),
    reason: 'advisory: gaps are left out, which is better',
  },
  {
    file: preprocessing,
    classes: ['Normalization'],
    when: ({ advisory, inputs, config: { config } }) =>
      advisory !== undefined && (`${inputs.adapt}`.includes('NaN') || config.variance < 0),
    reason: 'an error, which is better: statistics that are no numbers',
  },
  {
    file: preprocessing,
    classes: ['Normalization'],
    when: ({ advisory, inputs, config: { config } }) => {
      const width = (rows: unknown) => (Array.isArray(rows) && Array.isArray(rows[0]) ? rows[0].length : undefined)
      return (
        advisory !== undefined &&
        config.axis !== null &&
        inputs.adapt !== undefined &&
        width(inputs.adapt) !== width(inputs.x)
      )
    },
    reason: 'an error, which is better: rows of another width than those of adapt',
  },
  {
    file: preprocessing,
    classes: ['Normalization'],
    when: ({ advisory, inputs, config: { config } }) =>
      advisory !== undefined && config.axis === undefined && typeof inputs.adapt?.[0] === 'number',
    reason: 'an error, which is better: a list of numbers has no axis of rows',
  },
  {
    file: preprocessing,
    classes: ['TextVectorization'],
    when: ({ advisory, config: { config } }) => advisory !== undefined && config.output_mode === 'one_hot',
    reason: 'an error: vectors of rows of unequal length, which is not documented',
  },
  {
    file: preprocessing,
    classes: ['FeatureSpace'],
    when: ({ advisory, documented, inputs }) =>
      advisory !== undefined && documented === undefined && JSON.stringify(inputs.x).includes('Infinity'),
    reason: 'an error, which is better: an infinite number in a column',
  },
  {
    file: preprocessing,
    classes: ['FeatureSpace'],
    when: ({ advisory, documented, outputs }) =>
      advisory !== undefined && documented === undefined && JSON.stringify(outputs.state ?? {}).includes('NaN'),
    reason: 'advisory: gaps are left out of mean and variance, which is better',
  },
  {
    file: preprocessing,
    classes: ['FeatureSpace'],
    when: ({ advisory, documented, outputs, config: { config } }) =>
      advisory !== undefined &&
      documented === undefined &&
      outputs.error !== undefined &&
      (config.crosses ?? []).some((cross: readonly string[]) => cross.length > 2),
    reason: 'no error, which is better: a cross of more than two features',
  },

  // tutorials.json
  {
    file: 'tutorials.json',
    when: ({ config }) => config.slope === 'as_printed',
    reason: "the tutorial's slip: not the gradient of any loss",
  },
]

/** The reason why no suite runs the case, or undefined if a suite must run it. */
export function gapOf(file: string, golden: GoldenCase): string | undefined {
  const name = golden.config.class_name ?? golden.name
  return gaps.find((gap) => gap.file === file && (gap.classes?.includes(name) ?? true) && (gap.when?.(golden) ?? true))
    ?.reason
}
