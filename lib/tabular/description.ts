/** What a model file holds of columns and target. */

import { checkInteger, checkName, refuse } from '../checks/validate.js'
import { fromJson, type Json, type JsonObject, list, object, toJson } from '../persistence/description.js'
import type { ColumnType } from '../tables/column.js'
import { cross, type Feature, featureFrom, toCross } from './feature.js'
import { FeatureSpace, setOf } from './featureSpace.js'
import type { Learned, TabularSettings } from './settings.js'
import { type Target, targetFrom } from './target.js'

/** The version of this part of the file. */
const version = 1

/** Describes columns and target. */
export function describeTabular(settings: TabularSettings, { features, target, leftOut, rows }: Learned): JsonObject {
  const { fillGaps, markGaps, seed } = settings
  const described = { target: target.describe(), columns: describeFeatures(features) }
  const own = toJson(described, 'tabular') as JsonObject
  const left = leftOut.map(({ name, why }) => [name, why])
  return {
    version,
    target: settings.target,
    ...{ of: own.target as Json, columns: own.columns as Json },
    fillGaps,
    markGaps,
    seed,
    rows,
    leftOut: left,
  }
}

function describeFeatures(features: FeatureSpace): JsonObject {
  const set = setOf(features)
  return {
    outputMode: features.outputMode,
    ...set.sizes,
    features: set.encoders.map((each) => ({
      name: each.name,
      kind: each.feature.name,
      options: each.feature.options as JsonObject,
      state: each.state(),
      ...(each.from !== undefined && { from: each.from }),
    })),
    crosses: features.crosses.map(({ features: names, bins, outputMode }) => ({
      names,
      bins: bins ?? null,
      outputMode,
    })),
    ignored: [...set.ignored],
  }
}

/** What {@link describeTabular} described. */
export interface Described {
  readonly target: Target
  readonly features: FeatureSpace
  readonly fillGaps: boolean
  readonly markGaps: boolean
  readonly seed: number
  readonly rows: number
  readonly leftOut: readonly { readonly name: string; readonly why: string }[]
}

/** Reads what {@link describeTabular} described. Throws for anything else. */
export function readTabular(value: Json): Described {
  const described = object(fromJson(value, 'tabular') as Json, 'tabular')
  if (described.version !== version)
    refuse('tabular: version', `${version}: a newer Neurode may read it`, described.version)
  const flag = (name: string) =>
    typeof described[name] === 'boolean' ? described[name] : refuse(name, 'true or false', described[name])
  return {
    target: targetFrom(checkText(described.target, 'target'), object(described.of, 'of')),
    features: readFeatures(object(described.columns, 'columns')),
    fillGaps: flag('fillGaps'),
    markGaps: flag('markGaps'),
    seed: checkInteger(described.seed, 'seed', 0),
    rows: checkInteger(described.rows, 'rows'),
    leftOut: list(described.leftOut, 'leftOut').map((each) => {
      const [name, why] = list(each, 'leftOut')
      return { name: checkText(name, 'leftOut'), why: checkText(why, 'leftOut') }
    }),
  }
}

function readFeatures(described: JsonObject): FeatureSpace {
  const items = list(described.features, 'features').map((item) => object(item, 'feature'))
  const entries = items.map(({ name, kind, options }): [string, Feature] => {
    return [checkText(name, 'feature: name'), featureFrom(kind, object(options, 'options'), 'feature')]
  })
  if (new Set(entries.map(([name]) => name)).size < entries.length)
    refuse('features', 'different names', described.features)
  const crosses = list(described.crosses, 'crosses').map((item) => {
    const { names, bins, outputMode } = object(item, 'cross')
    return crossFrom(names, bins, outputMode)
  })
  const { outputMode, hashingDim, crossingDim, bins } = described
  const features = new FeatureSpace({
    features: Object.fromEntries(entries),
    crosses,
    outputMode: outputMode as 'concat',
    hashingDim: hashingDim as number,
    crossingDim: crossingDim as number,
    numDiscretizationBins: bins as number,
  })
  const set = setOf(features)
  items.forEach(({ name, state, from }) => {
    const encoder = set.encoder(name as string)
    encoder.restore(object(state, 'state'))
    if (from !== undefined) encoder.from = checkType(from)
  })
  set.ignored = new Set(list(described.ignored, 'ignored').map((name) => checkText(name, 'ignored')))
  return features
}

function crossFrom(names: Json | undefined, bins: Json | undefined, outputMode: Json | undefined) {
  const options = { ...(bins === null ? {} : { bins: bins as number }), outputMode: outputMode as 'int' }
  return toCross(
    cross(
      list(names, 'names').map((name) => checkName(name, 'names')),
      options,
    ),
    'cross',
  )
}

function checkType(value: Json): ColumnType {
  const types: readonly ColumnType[] = ['number', 'text', 'boolean', 'date']
  return types.find((type) => type === value) ?? refuse('from', 'a type of columns', value)
}

function checkText(value: Json | undefined, argument: string): string {
  return typeof value === 'string' ? value : refuse(argument, 'a text', value)
}
