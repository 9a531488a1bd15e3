/** What is said of names that Keras, TensorFlow.js and PyTorch have: the name here, or why there is none. */

import { callbackRows, hookRows, layerRows, objectRows } from './layerNames.js'
import { optionRows } from './optionNames.js'
import {
  activationRows,
  initializerRows,
  lossRows,
  metricRows,
  optimizerRows,
  ruleRows,
  scheduleRows,
} from './partNames.js'
import { no, type Rows } from './rows.js'

const everywhere: Rows = [
  [
    'get serialize deserialize getconfig fromconfig',
    no('names and objects are taken as they are, and save writes them'),
  ],
]

/** By what is asked for; names are written without case, `_` and `-`, and `*` stands for any letters. */
const tables = {
  layers: layerRows,
  losses: lossRows,
  metrics: metricRows,
  optimizers: optimizerRows,
  schedules: scheduleRows,
  activations: activationRows,
  initializers: initializerRows,
  regularizers: ruleRows,
  constraints: ruleRows,
  callbacks: callbackRows,
  hooks: hookRows,
  options: optionRows,
  ...objectRows,
} as const satisfies Record<string, Rows>

/** What a name can be asked for as: a member of a factory table, an option, a member of an object. */
export type Asked = keyof typeof tables

const patterns = new Map<Asked, readonly (readonly [pattern: RegExp, answer: string])[]>()

function patternsOf(asked: Asked) {
  const known = patterns.get(asked)
  if (known !== undefined) return known
  const made = [...tables[asked], ...everywhere].map(
    ([names, answer]) => [new RegExp(`^(?:${names.replaceAll(' ', '|').replaceAll('*', '.*')})$`), answer] as const,
  )
  patterns.set(asked, made)
  return made
}

/**
 * What is said of a name, which has neither case nor `_` and `-`; nothing where nobody else has it. Of options, only what is
 * among `known` counts as being here.
 */
export function answerFor(asked: Asked, name: string, known?: readonly string[]): string | undefined {
  const isThere = (answer: string) =>
    known === undefined || [...answer.matchAll(/'(\w+)'/g)].every(([, option]) => known.includes(option as string))
  return patternsOf(asked).find(([pattern, answer]) => pattern.test(name) && isThere(answer))?.[1]
}
