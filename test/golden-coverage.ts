/** The golden cases that no suite runs, with the reasons. Suites have to run all other cases. */

import type { GoldenCase } from './support/golden.js'

interface Gap {
  readonly file: string
  /** Classes to which the reason applies. Default: every class of the file. */
  readonly classes?: readonly string[]
  readonly when?: (golden: GoldenCase) => boolean
  readonly reason: string
}

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
