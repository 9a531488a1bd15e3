/** Records of event files, each of one event, with its frame. */

import { createHash } from 'node:crypto'
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { type Event, EventSchema, HParamsPluginDataSchema, type Summary_ValueSchema } from './events_pb.js'
import { histogramOf } from './histogram.js'
import { frameRecord } from './records.js'
import { dataTypes } from './tensors.js'
import type { HyperParameter } from './types.js'

type Value = MessageInitShape<typeof Summary_ValueSchema>

/** What TensorBoard's frontend takes a series for. */
const dataClasses = { scalars: 1, histograms: 2, images: 3 } as const
const secondsNow = () => Date.now() / 1000

function encodeEvent(event: MessageInitShape<typeof EventSchema>): Buffer {
  const message: Event = create(EventSchema, { wallTime: secondsNow(), ...event })
  return frameRecord(toBinary(EventSchema, message))
}

function encodeValue(step: number, value: Value): Buffer {
  return encodeEvent({ step: BigInt(step), what: { case: 'summary', value: { value: [value] } } })
}

/** The first record of a file. */
export function encodeVersion(): Buffer {
  return encodeEvent({ what: { case: 'fileVersion', value: 'brain.Event:2' }, sourceMetadata: { writer: 'neurode' } })
}

/** Values of one step, by tag. */
export function encodeScalars(step: number, values: Readonly<Record<string, number>>): Buffer {
  const value = Object.entries(values).map(([tag, number]) => {
    const tensorContent = Buffer.alloc(4)
    tensorContent.writeFloatLE(number)
    return ofPlugin(tag, 'scalars', { dtype: dataTypes.float32, tensorShape: {}, tensorContent })
  })
  return encodeEvent({ step: BigInt(step), what: { case: 'summary', value: { value } } })
}

/** The histogram of some values. */
export function encodeHistogram(tag: string, step: number, values: ArrayLike<number>): Buffer {
  const buckets = histogramOf(values)
  const tensorContent = Buffer.alloc(24 * buckets.length)
  for (const [i, { left, right, count }] of buckets.entries()) {
    tensorContent.writeDoubleLE(left, 24 * i)
    tensorContent.writeDoubleLE(right, 24 * i + 8)
    tensorContent.writeDoubleLE(count, 24 * i + 16)
  }
  const tensor = {
    dtype: dataTypes.float64,
    tensorShape: { dim: [{ size: BigInt(buckets.length) }, { size: 3n }] },
    tensorContent,
  }
  return encodeValue(step, ofPlugin(tag, 'histograms', tensor))
}

/** A picture of a PNG file. */
export function encodeImage(tag: string, step: number, width: number, height: number, png: Uint8Array): Buffer {
  const stringVal = [Buffer.from(String(width)), Buffer.from(String(height)), png]
  const tensorShape = { dim: [{ size: BigInt(stringVal.length) }] }
  return encodeValue(step, ofPlugin(tag, 'images', { dtype: dataTypes.string, tensorShape, stringVal }))
}

function ofPlugin(tag: string, pluginName: keyof typeof dataClasses, tensor: Tensor): Value {
  const metadata = { pluginData: { pluginName }, dataClass: dataClasses[pluginName] }
  return { tag, metadata, value: { case: 'tensor', value: tensor } }
}

type Tensor = Extract<NonNullable<Value['value']>, { readonly case: 'tensor' }>['value']

/** The config of a Keras model, which TensorBoard draws as a graph. */
export function encodeKerasModel(config: object): Buffer {
  const pluginData = { pluginName: 'graph_keras_model', content: Buffer.from('1') }
  const stringVal = [Buffer.from(JSON.stringify(config))]
  const tensor = { dtype: dataTypes.string, tensorShape: {}, stringVal }
  return encodeValue(0, { tag: 'keras', metadata: { pluginData }, value: { case: 'tensor', value: tensor } })
}

const kinds = { number: 'numberValue', string: 'stringValue', boolean: 'boolValue' } as const

/** The beginning of a session with its hyper-parameters; sessions with the same ones are a group. */
export function encodeSessionStart(hparams: Readonly<Record<string, HyperParameter>>): Buffer {
  const sorted = Object.entries(hparams).sort(([a], [b]) => (a < b ? -1 : 1))
  const groupName = createHash('sha256').update(JSON.stringify(sorted)).digest('hex')
  const entries = Object.entries(hparams).map(([key, value]) => {
    return { key, value: { kind: { case: kinds[typeof value as keyof typeof kinds], value } } }
  })
  return encodeSession('session_start_info', {
    case: 'sessionStartInfo',
    value: { hparams: entries as never, groupName, startTimeSecs: secondsNow() },
  })
}

const statuses = { success: 1, failure: 2 } as const

/** The end of a session. */
export function encodeSessionEnd(status: keyof typeof statuses): Buffer {
  const value = { status: statuses[status], endTimeSecs: secondsNow() }
  return encodeSession('session_end_info', { case: 'sessionEndInfo', value })
}

function encodeSession(name: string, data: MessageInitShape<typeof HParamsPluginDataSchema>['data'] & object): Buffer {
  const message = create(HParamsPluginDataSchema, { version: 0, data })
  const content = toBinary(HParamsPluginDataSchema, message)
  // The plugin wants a tensor and does not look at it.
  const tensor = { dtype: dataTypes.float32, tensorShape: { dim: [{ size: 1n }] }, floatVal: [0] }
  return encodeValue(0, {
    tag: `_hparams_/${name}`,
    metadata: { pluginData: { pluginName: 'hparams', content } },
    value: { case: 'tensor', value: tensor },
  })
}
