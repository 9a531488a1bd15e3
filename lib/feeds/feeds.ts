/** Makes the feed for the data that a user passed: arrays, files or batches. */

import { elementCount, formatShape, type GivenTargets, type InputRows } from '../arrays/arrays.js'
import { inPlace, ownRows, readInPlace } from '../arrays/lentRows.js'
import { NeurodeError } from '../base/errors.js'
import type { ModelCore } from '../core/core.js'
import { type HeadSetup, readsNoTargets } from '../core/headSetup.js'
import { buildFrom, takeRowsOf } from '../core/inputs.js'
import { balanceClasses, type ClassWeights } from '../core/rowWeights.js'
import {
  checkClassWeights,
  classesOfTargets,
  haveFiles,
  readHead,
  readTargets,
  targetsWithClasses,
  valuesOfTargets,
  type WeightsGiven,
} from '../core/targets.js'
import { BatchReader, isBatchSource, nameBatch, toBatch } from '../data/batches.js'
import { RowSource } from '../data/rowSource.js'
import { ArrayFeed, type Feed } from './feed.js'
import { FileFeed, FileInput, FileTargets, JoinedTargets, MemoryTargets, memoryInput } from './fileFeed.js'
import { abortError, unlessAborted } from './ranges.js'
import type { BatchRows } from './shards.js'
import { StreamFeed } from './streamFeed.js'

/** The feed of a source of batches. Reads the first batch if the model does not know the shape of its input. */
export async function streamFeed(
  core: ModelCore,
  source: unknown,
  argument: string,
  signal: AbortSignal | undefined,
  classWeight?: ClassWeights,
): Promise<Feed> {
  if (!isBatchSource(source)) throw new NeurodeError('ERR_ARGUMENT', `${argument}: expected a source of batches`)
  if (classWeight === 'balanced') refuseBalanced('batches')
  const reader = new BatchReader(source, argument, (value): BatchRows => {
    const { x, y, sampleWeight } = toBatch(value)
    buildFrom(core, x)
    const input = takeRowsOf(core, x, 'x')
    const targets = readTargets(core, y, input.rows, 'y', { sampleWeight, classWeight })
    return [ownRows(input), ownRows(targets)]
  })
  const feed = new StreamFeed(core, reader, signal)
  const learnShape = async () => {
    const first = reader.peek(nameBatch(0))
    if ((await unlessAborted(first, signal, (aborted) => abortError(argument, aborted))) === undefined) {
      throw reader.noBatches()
    }
  }
  return orClose(feed, async () => {
    if (core.shapes === undefined) await learnShape()
    checkClassWeights(core, classWeight)
  })
}

/** Returns the feed after `work` is done; closes it if `work` fails. */
export async function orClose(feed: Feed, work: () => Promise<void>): Promise<Feed> {
  try {
    await work()
    return feed
  } catch (error) {
    await feed.close().catch(() => {})
    throw error
  }
}

/** The feed of rows of input and targets, in memory or in files. */
export function rowFeed(
  core: ModelCore,
  x: unknown,
  y: unknown,
  batchSize: number | ((core: ModelCore) => number),
  [xName, yName]: readonly [string, string],
  weights: WeightsGiven = {},
  memory: RowMemory = {},
): Feed {
  buildRows(core, x)
  const size = typeof batchSize === 'number' ? batchSize : batchSize(core)
  if (!(x instanceof RowSource) && !haveFiles(core, y)) {
    const [input, targets] = takeRows(core, x, y, [xName, yName], weights, memory)
    return new ArrayFeed(core, input, targets, size)
  }
  const input = x instanceof RowSource ? fileInput(core, x, xName) : memoryInput(core, x, xName)
  core.training()
  checkClassWeights(core, weights.classWeight)
  const [targets, classWeight] = targetReader(core, y, input.rows, yName, weights.classWeight)
  return new FileFeed(core, input.reader, targets, input, size, { ...weights, classWeight })
}

/** A reader of targets, in memory or in files, and the weights of their classes. */
function targetReader(core: ModelCore, y: unknown, rows: number, yName: string, classWeight: ClassWeights | undefined) {
  const readers = valuesOfTargets(core, y, yName).map((each, index) => {
    const { value, argument } = each
    const isUnread = readsNoTargets(core.training().heads[index] as HeadSetup)
    if (isUnread || !(value instanceof RowSource)) return new MemoryTargets(readHead(core, index, each, rows))
    if (value.rows === rows) return new FileTargets(core, index, value, argument)
    const text = `${argument}: expected ${rows} rows, as many as the input has`
    throw new NeurodeError('ERR_SHAPE', `${text}, got ${value.rows} in ${value.path}`)
  })
  const [only, ...others] = readers as [(typeof readers)[number], ...typeof readers]
  if (others.length > 0) return [new JoinedTargets(core, readers), undefined] as const
  if (only instanceof MemoryTargets) {
    const targets = classWeight && targetsWithClasses(only.targets)
    return [only, classWeight && targets && balanceClasses(classWeight, targets, classesOfTargets(core))] as const
  }
  if (classWeight === 'balanced') refuseBalanced('targets in a file: read them into memory')
  return [only, classWeight] as const
}

/** How rows in memory are read. With `copy: false` they are read without a copy, and an `x` that needs one is refused. */
export interface RowMemory {
  readonly copy?: boolean | undefined
  readonly mayCopy?: boolean | undefined
}

/** Reads rows of input and targets in memory. */
export function takeRows(
  core: ModelCore,
  x: unknown,
  y: unknown,
  [xName, yName]: readonly [string, string],
  weights: WeightsGiven,
  { copy = true, mayCopy = false }: RowMemory,
): [InputRows, GivenTargets] {
  const input = takeRowsOf(core, x, xName)
  const targets = readTargets(core, y, input.rows, yName, weights)
  if (copy) return [input, targets]
  return [mayCopy ? inPlace(input) : readInPlace(input, xName), inPlace(targets)]
}

/** Throws `ERR_ARGUMENT` for `classWeight: 'balanced'` without all targets in memory, as it needs their counts. */
export function refuseBalanced(got: string): never {
  throw new NeurodeError(
    'ERR_ARGUMENT',
    `classWeight: expected weights by class, or 'balanced' for all targets of a fit in memory, got 'balanced' with ${got}`,
  )
}

/** Like {@link buildFrom}, for files as well. */
function buildRows(core: ModelCore, x: unknown): void {
  core.checkAlive()
  if (!(x instanceof RowSource)) buildFrom(core, x)
  else if (core.shapes === undefined && x.rowShape.length > 0) core.build(x.rowShape)
}

function fileInput(core: ModelCore, source: RowSource, argument: string) {
  const { inputShape, inputSize } = core.built()
  const fits =
    formatShape(source.rowShape) === formatShape(inputShape) ||
    (source.rowShape.length === 0 && elementCount(inputShape) === 1) ||
    (inputShape.length === 1 && source.rowElements === inputSize)
  if (fits) return { reader: new FileInput(source), rows: source.rows, rowBytes: source.rowBytes }
  const got = formatShape([source.rows, ...source.rowShape])
  const expected = formatShape(['n', ...inputShape] as unknown as number[])
  throw new NeurodeError('ERR_SHAPE', `${argument}: expected shape ${expected}, got ${got} in ${source.path}`)
}
