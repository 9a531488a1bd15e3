/** What a model of a table needs in a server besides its network: columns, and answers in the words of its user. */

import { setImmediate as nextTurn } from 'node:timers/promises'
import { elementCount } from '../../arrays/arrays.js'
import { shorten } from '../../checks/validate.js'
import type { Json } from '../../persistence/description.js'
import type { ColumnSet } from '../../tabular/columnSet.js'
import { readTabular } from '../../tabular/description.js'
import { setOf } from '../../tabular/featureSpace.js'
import { columnsOf } from '../../tabular/formColumns.js'
import { Layout, type NetworkInputs } from '../../tabular/layout.js'
import type { Target } from '../../tabular/target.js'
import type { TabularAnswer } from '../../tabular/types.js'
import { datatypeOf } from '../protocol/cellTypes.js'
import { answersOf } from '../protocol/recordAnswers.js'
import { asRequest, type RecordRequest, type RecordSpec, type RowLimit } from '../protocol/recordSpec.js'
import type { NamedTensor } from '../protocol/tensorSpec.js'
import type { TensorDescription } from './tensorDescription.js'

/** What is encoded in one turn of the event loop: bytes of the request, and some for each cell. */
const workAtOnce = 2 ** 16
const workOfCell = 8
/** The most values of all rows of a request: a row of a wide table takes few bytes if it has nothing but gaps. */
const mostValues = 2 ** 24

const noValue = () => {}

/** The columns and the target of a model of a table. */
export class ServedTable {
  readonly spec: RecordSpec
  /** The columns and the answers as clients of the Open Inference Protocol see them. */
  readonly inputs: readonly TensorDescription[]
  readonly outputs: readonly TensorDescription[]
  readonly task: Target['task']
  readonly #target: Target
  readonly #set: ColumnSet
  readonly #layout: Layout
  readonly #inputs: readonly NamedTensor[]
  readonly #rowSize: number
  readonly #encoding = new Set<Promise<void>>()

  /** `described` is what the model's file says of its columns and its target; `inputs` are those of its network. */
  constructor(described: Json, inputs: readonly NamedTensor[]) {
    const { features, target, ...rules } = readTabular(described)
    const set = setOf(features)
    this.#set = set
    this.#layout = new Layout(features, rules)
    this.#inputs = inputs
    this.#rowSize = inputs.reduce((sum, { shape }) => sum + elementCount(shape), 0)
    const columns = columnsOf(features)
    const places = new Map([target.name, ...set.ignored].map((name) => [name, -1]))
    for (const [place, { name }] of columns.entries()) places.set(name, place)
    this.spec = { columns, places, target: target.name, classes: target.classes }
    this.task = target.task
    this.#target = target
    this.inputs = columns.map(({ name, type }) => ({ name, datatype: datatypeOf[type], shape: [1] }))
    this.outputs = answersOf(this.spec).map(({ name, datatype, shape }) => ({ name, datatype, shape }))
  }

  /** The limit on the rows of a request, which may be lower for a wide table. */
  limit(given: RowLimit): RowLimit {
    const most = Math.max(1, Math.floor(mostValues / this.#rowSize))
    const { maxRows = most } = given
    return maxRows <= most ? given : { maxRows: most, limitName: `${this.#rowSize} numbers each` }
  }

  /** Whether the rows of a request are few enough to be encoded at once. */
  isQuick(request: RecordRequest): boolean {
    return this.#workOf(request) <= workAtOnce
  }

  #workOf({ rows, bytes }: RecordRequest): number {
    return bytes + rows * this.spec.columns.length * workOfCell
  }

  /** Writes the rows of a request as the network takes them. Throws `ERR_REQUEST` for a cell of another type, with its place. */
  encode(request: RecordRequest, into: Float32Array): void {
    this.#encodePart(request, 0, request.rows, into)
  }

  /** Encodes the rows of a request, with turns of the event loop between parts of them. */
  encodeInTurns(request: RecordRequest): Promise<Float32Array> {
    const rows = this.#encodeParts(request)
    const done: Promise<void> = rows.then(noValue, noValue).finally(() => this.#encoding.delete(done))
    this.#encoding.add(done)
    return rows
  }

  /** Resolves once the rows of all requests are encoded. */
  async drain(): Promise<void> {
    while (this.#encoding.size > 0) await Promise.all(this.#encoding)
  }

  async #encodeParts(request: RecordRequest): Promise<Float32Array> {
    const { rows } = request
    const count = Math.max(1, Math.floor((rows * workAtOnce) / this.#workOf(request)))
    const all = new Float32Array(rows * this.#rowSize)
    for (let begin = 0; begin < rows; begin += count) {
      await nextTurn()
      const end = Math.min(begin + count, rows)
      this.#encodePart(request, begin, end, all.subarray(begin * this.#rowSize, end * this.#rowSize))
    }
    return all
  }

  #encodePart(request: RecordRequest, begin: number, end: number, into: Float32Array): void {
    const inputs = asRequest(() => {
      return this.#layout.encode(this.#set.read(request.part(begin, end), 'request'), end - begin)
    })
    let first = 0
    for (const { name, shape } of this.#inputs) {
      const { data } = inputs[name] as NetworkInputs[string]
      const size = elementCount(shape)
      for (let from = 0, to = first; from < data.length; from += size, to += this.#rowSize) {
        for (let i = 0; i < size; i++) into[to + i] = data[from + i] as number
      }
      first += size
    }
  }

  /** Says in a few words what is predicted, for the log. */
  describe(): string {
    const { columns, classes, target } = this.spec
    const what = classes === undefined ? 'a number' : `${classes.length} classes`
    return `${columns.length} columns → ${shorten(target)} (${what})`
  }

  /** The answers for outputs of the network. */
  answers(outputs: Float32Array): readonly TabularAnswer[] {
    return this.#target.answers(outputs)
  }
}
