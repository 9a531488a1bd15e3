/** Answers of models of tables in the Open Inference Protocol. */

import { native } from '../../native/native.js'
import type { ClassAnswer, NumberAnswer, TabularAnswer } from '../../tabular/types.js'
import { bytesOfTexts } from './cellTypes.js'
import type { RecordRequest, RecordSpec } from './recordSpec.js'
import { identityText, type ModelIdentity } from './tensors.js'

/** A tensor that a model of a table answers with. */
interface AnswerTensor {
  readonly name: string
  readonly datatype: string
  /** The shape of a row. */
  readonly shape: readonly number[]
  json(answers: readonly TabularAnswer[]): string
  bytes(answers: readonly TabularAnswer[]): Uint8Array
}

const answerTensors = new WeakMap<RecordSpec, readonly AnswerTensor[]>()

/** The tensors of an answer: `label` and `probabilities`, or the target. */
export function answersOf(spec: RecordSpec): readonly AnswerTensor[] {
  const known = answerTensors.get(spec)
  if (known !== undefined) return known
  const tensors =
    spec.classes === undefined ? [targetOf(spec.target)] : [label, probabilitiesOf(spec.classes.map(String))]
  answerTensors.set(spec, tensors)
  return tensors
}

/** The names of the tensors of an answer. */
export function outputNames(spec: RecordSpec): string[] {
  return answersOf(spec).map(({ name }) => name)
}

const labelsOf = (answers: readonly TabularAnswer[]) => answers.map((answer) => String((answer as ClassAnswer).label))
const label: AnswerTensor = {
  name: 'label',
  datatype: 'BYTES',
  shape: [1],
  json: (answers) => JSON.stringify(labelsOf(answers)),
  bytes: (answers) => bytesOfTexts(labelsOf(answers)),
}

function probabilitiesOf(classes: readonly string[]): AnswerTensor {
  const valuesOf = (answers: readonly TabularAnswer[]) => {
    const values = new Float32Array(answers.length * classes.length)
    for (const [row, answer] of (answers as readonly ClassAnswer[]).entries()) {
      for (const [i, name] of classes.entries()) values[row * classes.length + i] = answer.probabilities[name] as number
    }
    return values
  }
  return {
    name: 'probabilities',
    datatype: 'FP32',
    shape: [classes.length],
    json: (answers) => `[${native().formatNumbers(valuesOf(answers), 0)}]`,
    bytes: (answers) => new Uint8Array(valuesOf(answers).buffer),
  }
}

function targetOf(name: string): AnswerTensor {
  const valuesOf = (answers: readonly TabularAnswer[]) =>
    answers.map((answer) => (answer as NumberAnswer)[name] as number)
  return {
    name,
    datatype: 'FP64',
    shape: [1],
    json: (answers) => JSON.stringify(valuesOf(answers)),
    bytes: (answers) => new Uint8Array(Float64Array.from(valuesOf(answers)).buffer),
  }
}

/** The JSON of an answer to a request of the Open Inference Protocol, and the bytes of its binary tensors. */
export function formatNamedColumns(
  request: RecordRequest,
  answers: readonly TabularAnswer[],
  spec: RecordSpec,
  model: ModelIdentity,
): { readonly json: string; readonly tensor: Uint8Array | undefined } {
  const tensors = answersOf(spec)
  const binary: Uint8Array[] = []
  const texts = (request.outputs ?? []).map((asked) => {
    const { name, datatype, shape, json, bytes } = tensors.find(({ name }) => name === asked.name) as AnswerTensor
    const head = `{"name":${JSON.stringify(name)},"datatype":"${datatype}","shape":[${[answers.length, ...shape]}],`
    if (!asked.binary) return `${head}"data":${json(answers)}}`
    const data = bytes(answers)
    binary.push(data)
    return `${head}"parameters":{"binary_data_size":${data.length}}}`
  })
  const id = request.id === undefined ? '' : `,"id":${JSON.stringify(request.id)}`
  const tensor = binary.length === 0 ? undefined : Buffer.concat(binary)
  return { json: `${identityText(model)}${id},"outputs":[${texts}]}`, tensor }
}
