/**
 * The parts of OpenAPI's schemas that the protocol's document uses: checks values against a schema, and makes values that fit
 * or do not.
 */

import type { Random } from './random.js'

export interface Schema {
  readonly $ref?: string
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean'
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: Schema
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
}

export type Schemas = Readonly<Record<string, Schema>>

const prefix = '#/components/schemas/'

/** Follows a reference. */
export function resolveSchema(schema: Schema, schemas: Schemas): Schema {
  if (schema.$ref === undefined) return schema
  const found = schema.$ref.startsWith(prefix) ? schemas[schema.$ref.slice(prefix.length)] : undefined
  if (found === undefined) throw new Error(`no schema ${schema.$ref}`)
  return found
}

const fits: Readonly<Record<NonNullable<Schema['type']>, (value: unknown) => boolean>> = {
  object: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  array: Array.isArray,
  string: (value) => typeof value === 'string',
  integer: Number.isInteger,
  number: Number.isFinite,
  boolean: (value) => typeof value === 'boolean',
}

/** The places where the value does not fit the schema. A member that the schema does not know does not fit either. */
export function misfits(value: unknown, given: Schema, schemas: Schemas, at = 'value'): string[] {
  const schema = resolveSchema(given, schemas)
  const { type, properties, additionalProperties, required = [], items, anyOf } = schema
  if (anyOf !== undefined) {
    return anyOf.some((one) => misfits(value, one, schemas, at).length === 0) ? [] : [`${at}: fits none`]
  }
  if (type !== undefined && !fits[type](value)) return [`${at}: no ${type}`]
  if (Array.isArray(value)) {
    return items === undefined ? [] : value.flatMap((item, i) => misfits(item, items, schemas, `${at}[${i}]`))
  }
  if (type !== 'object') return []
  const members = Object.entries(value as object)
  return [
    ...required.filter((name) => !Object.hasOwn(value as object, name)).map((name) => `${at}.${name}: missing`),
    ...members.flatMap(([name, member]) => {
      const known = properties?.[name] ?? additionalProperties
      if (known !== undefined) return misfits(member, known, schemas, `${at}.${name}`)
      return properties === undefined ? [] : [`${at}.${name}: unknown`]
    }),
  ]
}

/** Draws a JSON value of any kind. */
export function drawJson(draw: Random, depth = 2): unknown {
  const kinds: readonly (() => unknown)[] = [
    () => null,
    () => draw.below(2) === 0,
    () => draw.pick([0, -1, 0.5, 1e300, 2 ** 53, draw.below(1000)]),
    () => draw.pick(['', 'x', 'ä ☃ "', '__proto__', 'output', '1']),
    () => Array.from({ length: draw.below(3) }, () => drawJson(draw, depth - 1)),
    () =>
      Object.fromEntries(
        Array.from({ length: draw.below(3) }, (_, i) => [
          `${draw.pick(['a', 'name', 'x-y'])}${i}`,
          drawJson(draw, depth - 1),
        ]),
      ),
  ]
  return draw.pick(depth > 0 ? kinds : kinds.slice(0, 4))()
}

/** A place in a value, and another value for it that does not fit. */
export interface Breach {
  readonly place: readonly (string | number)[]
  /** If absent, a required member is removed. */
  readonly value?: unknown
}

const samples: readonly unknown[] = [null, true, 7, 0.5, 'x', [], {}]

/** All places of a fitting value at which another value would not fit, each with a value of every other type. */
export function breaches(
  value: unknown,
  given: Schema,
  schemas: Schemas,
  place: readonly (string | number)[] = [],
): Breach[] {
  const schema = resolveSchema(given, schemas)
  const here = samples.filter((sample) => misfits(sample, typeOnly(schema), schemas).length > 0)
  const found: Breach[] = here.map((sample) => ({ place, value: sample }))
  if (Array.isArray(value)) {
    const { items } = schema
    if (items !== undefined) found.push(...value.flatMap((item, i) => breaches(item, items, schemas, [...place, i])))
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, member] of Object.entries(value)) {
      const known = schema.properties?.[name]
      if (known === undefined) continue
      found.push(...breaches(member, known, schemas, [...place, name]))
      if (schema.required?.includes(name)) found.push({ place: [...place, name] })
    }
  }
  return found
}

function typeOnly({ type, anyOf }: Schema): Schema {
  return { ...(type === undefined ? {} : { type }), ...(anyOf === undefined ? {} : { anyOf }) }
}

/** Returns a copy of the value with the breach in it. */
export function breach(value: unknown, { place, value: other }: Breach): unknown {
  const [step, ...rest] = place
  if (step === undefined) return other
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<string | number, unknown>
  if (rest.length === 0 && other === undefined) delete copy[step]
  else copy[step] = breach(copy[step], { place: rest, value: other })
  return copy
}
