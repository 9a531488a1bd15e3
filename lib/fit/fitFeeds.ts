/** Opens the feeds of one fit: the rows or batches to train on, and those to validate on. */

import { sliceRows } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import { refuse } from '../checks/validate.js'
import type { ModelCore } from '../core/core.js'
import { buildFrom, ownData } from '../core/inputs.js'
import type { ClassWeights } from '../core/rowWeights.js'
import { haveFiles, ownSampleWeight, ownTargets, weigh } from '../core/targets.js'
import { isBatchSource } from '../data/batches.js'
import { type DataInput, RowSource } from '../data/rowSource.js'
import { ArrayFeed, type Feed } from '../feeds/feed.js'
import { rowFeed, streamFeed, takeRows } from '../feeds/feeds.js'
import { checkCopy } from '../feeds/memoryOptions.js'
import { evaluationBatchSize } from './evaluate.js'
import { type FitSettings, isRowPair, type ValidationData, type ValidationSource } from './fitOptions.js'

/** The feeds of one fit that are open. */
export interface Feeds {
  train?: Feed
  validation?: Feed
}

/**
 * Opens the feeds, notes each in `feeds` as soon as it is open, and returns the one to train on. Arrays are read before the first
 * `await`, so that they count as they are when fit is called.
 */
export async function openFeeds(
  core: ModelCore,
  x: unknown,
  y: unknown,
  settings: FitSettings,
  feeds: Feeds,
): Promise<Feed> {
  const { batchSize, validationData, validationSplit: split } = settings
  const isStream = isBatchSource(x)
  const copy = checkCopy(core, settings.givenCopy, x, y)
  if (isStream && settings.givenShuffle === true) {
    refuse('shuffle', 'none with batches, which come in the order of their source', true)
  }
  if (isStream && settings.seed !== undefined) {
    refuse('seed', 'none with batches, which come in the order of their source', settings.seed)
  }
  if (isStream && settings.givenBatchSize !== undefined) {
    refuse('batchSize', 'none with batches, which have their own', settings.givenBatchSize)
  }
  if (split > 0 && validationData === undefined) {
    if (isStream || x instanceof RowSource || haveFiles(core, y)) {
      refuse('validationSplit', 'none with batches and files: use validationData', split)
    }
    return splitRows(core, x, y, settings, copy, feeds)
  }
  const { classWeight, sampleWeight } = settings
  if (isStream && sampleWeight !== undefined) {
    refuse('sampleWeight', 'none with batches, which have their own', sampleWeight)
  }
  const held = isStream && isRowPair(validationData, namesOf(core)) ? ownPair(core, validationData) : validationData
  const train = isStream
    ? await streamFeed(core, x, 'x', settings.signal, classWeight)
    : rowFeed(core, x, y, batchSize, ['x', 'y'], { sampleWeight, classWeight }, { copy })
  feeds.train = train
  if (held !== undefined) feeds.validation = await validationFeed(core, held, settings, copy)
  return train
}

/** Copies validation data: a stream may be waited for, to learn the shape of the input, before its feed can be opened. */
function ownPair(core: ModelCore, [x, y, sampleWeight]: ValidationData): ValidationData {
  const ownX = x instanceof RowSource ? x : (ownData(core, x, 'validationData[0]') as DataInput)
  const ownY = (y instanceof RowSource ? y : ownTargets(core, y, 'validationData[1]')) as DataInput
  if (sampleWeight === undefined) return [ownX, ownY]
  return [ownX, ownY, ownSampleWeight(core, sampleWeight, 'validationData[2]')]
}

/** The names of the inputs and the outputs, which data by name may have as keys. */
function namesOf(core: ModelCore) {
  const { inputs, heads } = core.shapes ?? { inputs: [], heads: [] }
  return { inputs: inputs.map(({ name }) => name), outputs: heads.map(({ name }) => name) }
}

/** Opens the feed of the option `validationData`. */
async function validationFeed(
  core: ModelCore,
  data: ValidationSource,
  settings: FitSettings,
  copy: boolean,
): Promise<Feed> {
  if (!isRowPair(data, namesOf(core))) return streamFeed(core, data, 'validationData', settings.signal)
  const size = settings.validationBatchSize ?? evaluationBatchSize(core, settings.batchSize)
  const weights = { sampleWeight: data[2], weightArgument: 'validationData[2]' }
  const names = ['validationData[0]', 'validationData[1]'] as const
  return rowFeed(core, data[0], data[1], size, names, weights, { copy, mayCopy: true })
}

/** Opens one feed on the first rows and one on the rest, which `validationSplit` sets apart for validation. */
function splitRows(core: ModelCore, x: unknown, y: unknown, settings: FitSettings, copy: boolean, feeds: Feeds): Feed {
  buildFrom(core, x)
  const { sampleWeight } = settings
  // As in Keras, class weights apply to the training rows only.
  const [input, targets] = takeRows(core, x, y, ['x', 'y'], { sampleWeight }, { copy })
  const at = Math.floor(input.rows * (1 - settings.validationSplit))
  if (at === 0 || at === input.rows) {
    const got = `got ${settings.validationSplit}, which leaves ${at} and ${input.rows - at}`
    const expected = `validationSplit: expected a share that leaves rows on both sides of ${input.rows} rows`
    throw new NeurodeError('ERR_ARGUMENT', `${expected}, ${got}`)
  }
  const part = (from: number, to: number, batchSize: number, classWeight?: ClassWeights) => {
    const own = weigh(core, sliceRows(targets, from, to), undefined, classWeight)
    return new ArrayFeed(core, sliceRows(input, from, to), own, batchSize, from)
  }
  const validationBatchSize = settings.validationBatchSize ?? evaluationBatchSize(core, settings.batchSize)
  feeds.train = part(0, at, settings.batchSize, settings.classWeight)
  feeds.validation = part(at, input.rows, validationBatchSize)
  return feeds.train
}
