/** Initializers of parameters. Names, defaults and formulas are those of Keras; native code draws the numbers. */

import { NeurodeError } from '../base/errors.js'
import type { Spelled } from '../base/names.js'
import { answerForeignNames } from '../checks/answering.js'
import { guardArity } from '../checks/arity.js'
import { checkMade, sealed } from '../checks/made.js'
import {
  checkNumber,
  checkOptions,
  checkPositive,
  checkSeed,
  lookUp,
  nameTable,
  refuse,
  withMain,
} from '../checks/validate.js'
import type { PlanInitializer } from '../native/plan.js'

/** What it draws, whatever the seed. */
type Draw = PlanInitializer extends infer Each ? (Each extends unknown ? Omit<Each, 'seed'> : never) : never

/** How the initial values of a parameter are drawn. */
export interface Initializer {
  readonly kind: 'initializer'
  /** Name in camelCase, such as `glorotUniform`. */
  readonly name: string
  /** All options except the seed, with defaults filled in. */
  readonly options: Readonly<Record<string, number | string>>
  /** The seed that the user chose; if undefined, the seed is derived from the model's seed, the layer's index and the parameter. */
  readonly seed?: number | undefined
  /** The part of the Plan for a parameter of this shape. */
  readonly plan: (shape: readonly number[], derivedSeed: number) => PlanInitializer
}

/** The number that divides the variance: of inputs (`fanIn`), of outputs (`fanOut`), or their mean (`fanAvg`). */
export type FanMode = Spelled<'fanIn' | 'fanOut' | 'fanAvg'>

/** Distribution of {@link initializers}.varianceScaling; `normal` means `truncatedNormal`. */
export type Distribution = Spelled<'normal' | 'truncatedNormal' | 'untruncatedNormal' | 'uniform'>

/** The seed of an initializer. With a seed it draws the same numbers in every layer and model. */
export interface SeedOption {
  /** A non-negative integer; default: derived from the model's seed. */
  readonly seed?: number | undefined
}

/** Options of {@link initializers}.varianceScaling. */
export interface VarianceScalingOptions extends SeedOption {
  /** Factor of the variance, above 0; default 1. */
  readonly scale?: number | undefined
  /** The number that divides the variance; default `fanIn`. */
  readonly mode?: FanMode | undefined
  /** The distribution; default `truncatedNormal`. */
  readonly distribution?: Distribution | undefined
}

const modes = nameTable(['fanIn', 'fanOut', 'fanAvg'], () => [])
const distributions = nameTable(['truncatedNormal', 'untruncatedNormal', 'uniform'], (id) =>
  id === 'truncatedNormal' ? ['normal'] : [],
)

/** Standard deviation of a standard normal distribution that is truncated at ±2. */
const truncatedDeviation = 0.87962566103423978

const drawScaled: Readonly<Record<string, (variance: number) => Draw>> = {
  truncatedNormal: (variance) => ({
    name: 'truncatedNormal',
    mean: 0,
    deviation: Math.sqrt(variance) / truncatedDeviation,
  }),
  untruncatedNormal: (variance) => ({ name: 'normal', mean: 0, deviation: Math.sqrt(variance) }),
  uniform: (variance) => ({ name: 'uniform', low: -Math.sqrt(3 * variance), high: Math.sqrt(3 * variance) }),
}

const fanOf: Readonly<Record<string, (fanIn: number, fanOut: number) => number>> = {
  fanIn: (fanIn) => fanIn,
  fanOut: (_, fanOut) => fanOut,
  fanAvg: (fanIn, fanOut) => (fanIn + fanOut) / 2,
}

function make(
  name: string,
  seed: number | undefined,
  options: Readonly<Record<string, number | string>>,
  draw: (shape: readonly number[]) => Draw,
): Initializer {
  return sealed({
    kind: 'initializer',
    name,
    options: Object.freeze(options),
    ...(seed === undefined ? {} : { seed }),
    plan: (shape: readonly number[], derivedSeed: number) => ({ ...draw(shape), seed: seed ?? derivedSeed }),
  })
}

function scaled(name: string, options: SeedOption | undefined, scale: number, mode: string, distribution: string) {
  const { seed } = checkOptions(options, ['seed'], `initializers.${name}`)
  return scaledBy(name, checkSeed(seed, `initializers.${name}: seed`), scale, mode, distribution)
}

function scaledBy(name: string, seed: number | undefined, scale: number, mode: string, distribution: string) {
  return make(name, seed, { scale, mode, distribution }, (shape) => {
    const fanOut = shape.at(-1) ?? 1
    const fanIn = shape.length > 1 ? (shape[0] as number) : fanOut
    const fan = (fanOf[mode] as (fanIn: number, fanOut: number) => number)(fanIn, fanOut)
    return (drawScaled[distribution] as (variance: number) => Draw)(scale / Math.max(1, fan))
  })
}

function normalOf(name: string, row: 'normal' | 'truncatedNormal', given: NormalOptions | undefined): Initializer {
  const argument = `initializers.${name}`
  const options = checkOptions(given, ['mean', 'stddev', 'seed'], argument)
  const mean = checkNumber(options.mean ?? 0, `${argument}: mean`)
  const stddev = checkNumber(options.stddev ?? 0.05, `${argument}: stddev`, 0)
  const seed = checkSeed(options.seed, `${argument}: seed`)
  return make(name, seed, { mean, stddev }, () => ({ name: row, mean, deviation: stddev }))
}

function constantOf(name: string, value: number): Initializer {
  return make(name, 0, { value }, () => ({ name: 'constant', value }))
}

/** Options of {@link initializers}.randomNormal and truncatedNormal. */
export interface NormalOptions extends SeedOption {
  /** Mean; default 0. */
  readonly mean?: number | undefined
  /** Standard deviation before any truncation, at least 0; default 0.05. */
  readonly stddev?: number | undefined
}

/**
 * Initializers with options, for layer options such as `kernelInitializer`. All can be given by name as well.
 *
 * @example
 * ```ts
 * import { initializers, layers } from 'neurode'
 *
 * const layer = layers.dense({ units: 8, kernelInitializer: initializers.heNormal({ seed: 7 }) })
 * ```
 */
export const initializers = {
  /** All 0. */
  zeros: (): Initializer => constantOf('zeros', 0),
  /** All 1. */
  ones: (): Initializer => constantOf('ones', 1),
  /** All `value`, default 0; a number is short for the options. */
  constant: (options?: number | { readonly value?: number | undefined }): Initializer => {
    const { value } = checkOptions(withMain(options, 'value'), ['value'], 'initializers.constant')
    return constantOf('constant', checkNumber(value ?? 0, 'initializers.constant: value'))
  },
  /** Uniform in [minval, maxval); defaults -0.05 and 0.05. */
  randomUniform: (
    given?: SeedOption & { readonly minval?: number | undefined; readonly maxval?: number | undefined },
  ): Initializer => {
    const argument = 'initializers.randomUniform'
    const options = checkOptions(given, ['minval', 'maxval', 'seed'], argument)
    const minval = checkNumber(options.minval ?? -0.05, `${argument}: minval`)
    const maxval = checkNumber(options.maxval ?? 0.05, `${argument}: maxval`)
    if (maxval < minval) refuse(`${argument}: maxval`, `a number of at least minval (${minval})`, maxval)
    const seed = checkSeed(options.seed, `${argument}: seed`)
    return make('randomUniform', seed, { minval, maxval }, () => ({ name: 'uniform', low: minval, high: maxval }))
  },
  /** Normal; defaults mean 0, standard deviation 0.05. */
  randomNormal: (options?: NormalOptions): Initializer => normalOf('randomNormal', 'normal', options),
  /** Normal; values beyond two standard deviations are drawn again. Defaults: mean 0, standard deviation 0.05. */
  truncatedNormal: (options?: NormalOptions): Initializer => normalOf('truncatedNormal', 'truncatedNormal', options),
  /** Variance `scale / fan`; a number is short for the option `scale`. */
  varianceScaling: (given?: number | VarianceScalingOptions): Initializer => {
    const argument = 'initializers.varianceScaling'
    const options = checkOptions(withMain(given, 'scale'), ['scale', 'mode', 'distribution', 'seed'], argument)
    const scale = checkPositive(options.scale ?? 1, `${argument}: scale`)
    const mode = lookUp(modes, options.mode ?? 'fanIn', `${argument}: mode`)
    const distribution = lookUp(distributions, options.distribution ?? 'truncatedNormal', `${argument}: distribution`)
    return scaledBy('varianceScaling', checkSeed(options.seed, `${argument}: seed`), scale, mode, distribution)
  },
  /** Uniform, variance `2 / (fanIn + fanOut)`; the default for kernels. https://proceedings.mlr.press/v9/glorot10a.html */
  glorotUniform: (options?: SeedOption): Initializer => scaled('glorotUniform', options, 1, 'fanAvg', 'uniform'),
  /** Truncated normal, variance `2 / (fanIn + fanOut)`. */
  glorotNormal: (options?: SeedOption): Initializer => scaled('glorotNormal', options, 1, 'fanAvg', 'truncatedNormal'),
  /** Uniform, variance `2 / fanIn`. https://arxiv.org/abs/1502.01852 */
  heUniform: (options?: SeedOption): Initializer => scaled('heUniform', options, 2, 'fanIn', 'uniform'),
  /** Truncated normal, variance `2 / fanIn`. */
  heNormal: (options?: SeedOption): Initializer => scaled('heNormal', options, 2, 'fanIn', 'truncatedNormal'),
  /** Uniform, variance `1 / fanIn`. */
  lecunUniform: (options?: SeedOption): Initializer => scaled('lecunUniform', options, 1, 'fanIn', 'uniform'),
  /** Truncated normal, variance `1 / fanIn`. */
  lecunNormal: (options?: SeedOption): Initializer => scaled('lecunNormal', options, 1, 'fanIn', 'truncatedNormal'),
  /** Orthonormal rows or columns, times `gain` (default 1; a number is short for it); for kernels only. https://arxiv.org/abs/1312.6120 */
  orthogonal: (given?: number | (SeedOption & { readonly gain?: number | undefined })): Initializer => {
    const argument = 'initializers.orthogonal'
    const options = checkOptions(withMain(given, 'gain'), ['gain', 'seed'], argument)
    const gain = checkNumber(options.gain ?? 1, `${argument}: gain`)
    return make('orthogonal', checkSeed(options.seed, `${argument}: seed`), { gain }, (shape) => {
      if (shape.length === 2) return { name: 'orthogonal', gain }
      throw new NeurodeError(
        'ERR_SHAPE',
        `${argument}: expected a parameter of two dimensions, got [${shape.join(', ')}]`,
      )
    })
  },
} as const
answerForeignNames(initializers, 'initializers')

guardArity(initializers, 'initializers')

type InitializerId = keyof typeof initializers

/** Names of initializers, in camelCase or snake_case; also `leCunUniform` and `leCunNormal` of TensorFlow.js. */
export type InitializerName = Spelled<InitializerId> | 'leCunUniform' | 'leCunNormal'

const names = nameTable(Object.keys(initializers) as InitializerId[], () => [], 'initializers')

/** The initializer of a name or an object. Throws `ERR_UNKNOWN_NAME`, with suggestions, for an unknown name. */
export function toInitializer(value: InitializerName | Initializer, argument: string): Initializer {
  if (typeof value !== 'object' || value === null) return initializers[lookUp(names, value, argument)]()
  return checkMade(value, 'initializer', argument, 'a name or an object of initializers.*')
}

/** Initializers with options other than the seed. */
const tunable: readonly string[] = [
  'constant',
  'randomUniform',
  'randomNormal',
  'truncatedNormal',
  'varianceScaling',
  'orthogonal',
]

/** Makes an initializer of a name, options and a seed, as a model file describes it. */
export function initializerFrom(name: unknown, options: object, seed: unknown, argument: string): Initializer {
  const id = lookUp(names, name, argument)
  const seeded = seed === undefined || id === 'constant' ? {} : { seed }
  const make = initializers[id] as (options?: object) => Initializer
  if (make.length === 0) return make()
  return make({ ...(tunable.includes(id) ? options : {}), ...seeded })
}
