/** Translates Keras' spelling of options and classes into Neurode's. */

import {
  type Activation,
  activations,
  type Constraint,
  constraints,
  type Regularizer,
  regularizers,
  type Schedule,
  schedules,
} from 'neurode'

/** `negative_slope`, `LeakyReLU` and `KLDivergence` → `negativeSlope`, `leakyRelu` and `klDivergence`. */
export function camelCase(name: string): string {
  const words = name
    .replace(/clip(norm|value)/, 'clip_$1')
    .replace(/ReLU/, 'Relu')
    .replace(/ELU$/, 'Elu')
    .replace(/^KL/, 'Kl')
    .replace(/^([A-Z])/, (first) => first.toLowerCase())
  return words.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}

/** Translates an object of Keras' options: its keys become camelCase, and so do texts that are names. */
export function optionsOf(config: Readonly<Record<string, unknown>> | undefined): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(config ?? {}).map(([key, value]) => [camelCase(key), isRule(key, value) ? ruleOf(value) : value]),
  )
}

interface KerasObject {
  readonly class_name: string
  readonly config: Readonly<Record<string, unknown>>
}

function isRule(key: string, value: unknown): value is KerasObject {
  return /_(regularizer|constraint)$/.test(key) && typeof value === 'object' && value !== null
}

/** Makes the regularizer or constraint of a Keras class and its options. */
export function ruleOf({ class_name: name, config }: KerasObject): Regularizer | Constraint {
  const rules: Readonly<Record<string, unknown>> = { ...regularizers, ...constraints }
  const id = Object.keys(rules).find((key) => key.toLowerCase() === name.toLowerCase()) as string
  return (rules[id] as (options: object) => Regularizer | Constraint)(optionsOf(config))
}

/** Makes the activation of a Keras name and its options. */
export function activationOf(name: string, config?: Readonly<Record<string, unknown>>): Activation {
  const options = optionsOf(config)
  const make = activations[camelCase(name) as keyof typeof activations] as (options?: object) => Activation
  return Object.keys(options).length === 0 ? make() : make(options)
}

/** Makes the schedule of a Keras class and its options. */
export function scheduleOf(name: string, config: Readonly<Record<string, unknown>>): Schedule {
  const make = schedules[camelCase(name) as keyof typeof schedules] as (options: object) => Schedule
  return make(optionsOf(config))
}
