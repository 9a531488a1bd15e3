/** Answers to names of Keras, TensorFlow.js and PyTorch: the name in Neurode, or the reason why there is none. */

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

/** The answers by kind of name. The names are written without case, `_` and `-`; `*` stands for any letters. */
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

/** The kind of name that a user looked for: a member of a factory table, an option, or a member of an object. */
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
 * The answer to a name, which is given without case, `_` and `-`; undefined if no other framework has that name. With `known`, an
 * answer counts only if all options that it quotes are among them.
 */
export function answerFor(asked: Asked, name: string, known?: readonly string[]): string | undefined {
  const isThere = (answer: string) =>
    known === undefined || [...answer.matchAll(/'(\w+)'/g)].every(([, option]) => known.includes(option as string))
  return patternsOf(asked).find(([pattern, answer]) => pattern.test(name) && isThere(answer))?.[1]
}
