/** Reads and writes HDF5 files, on another thread and with limits of time and memory. */

import { shapedArray } from '../../arrays/shapedArray.js'
import { NeurodeError } from '../../base/errors.js'
import { damaged } from '../../files/files.js'
import { dtypes } from '../../formats/dtypes.js'
import type { FileArray } from '../../formats/npy.js'
import type { H5Answer, H5Dataset, H5Group, H5Node, H5Request, H5Texts, H5Write } from './messages.js'
import { withThread } from './thread.js'

export type { H5Write } from './messages.js'

/** The most bytes that the data of a file may have: 64 MiB or 16 times its own size, whichever is more. */
const dataLimit = (fileBytes: number) => Math.max(2 ** 26, 16 * fileBytes)

type Ask = (request: H5Request) => Promise<H5Answer>

/** What an HDF5 file holds. Paths begin at the root, whose own is ''; links are followed nowhere. */
export class Hdf5File {
  readonly path: string
  readonly nodes: ReadonlyMap<string, H5Node>
  readonly #ask: Ask

  constructor(path: string, nodes: ReadonlyMap<string, H5Node>, ask: Ask) {
    this.path = path
    this.nodes = nodes
    this.#ask = ask
  }

  /** The group at a path; undefined if there is nothing. Throws for anything else. */
  group(path: string): H5Group | undefined {
    return this.#at(path, 'group')
  }

  /** The dataset at a path; undefined if there is nothing. Throws for anything else. */
  dataset(path: string): H5Dataset | undefined {
    return this.#at(path, 'dataset')
  }

  /** The texts of an attribute of a group; undefined if there is no such attribute. */
  texts(path: string, name: string): H5Texts {
    return this.group(path)?.attributes.get(name)
  }

  /** The arrays of datasets, in the order of `paths`. Integers of 64 bits are doubles, and numbers of 16 bits float32. */
  async read(paths: readonly string[]): Promise<FileArray[]> {
    if (paths.length === 0) return []
    const sets = paths.map((path) => this.dataset(path) ?? this.#fail(path, 'it is missing'))
    for (const [i, { problem }] of sets.entries()) if (problem !== undefined) this.#fail(paths[i] as string, problem)
    const answer = await this.#ask({ do: 'read', paths })
    const data = 'data' in answer ? answer.data : []
    return sets.map(({ dtype, shape }, i) => {
      const values = dtypes[dtype].decode(data[i] as Uint8Array<ArrayBuffer>, `${this.path}: '${paths[i]}'`)
      return shapedArray(values, shape, { dtype })
    })
  }

  #at<Kind extends 'group' | 'dataset'>(path: string, kind: Kind): Extract<H5Node, { kind: Kind }> | undefined {
    this.#checkLinks(path)
    const node = this.nodes.get(path)
    if (node === undefined || node.kind === kind) return node as Extract<H5Node, { kind: Kind }> | undefined
    return this.#fail(path, `expected a ${kind}, got ${node.kind === 'link' ? node.what : `a ${node.kind}`}`)
  }

  /** Throws if the path leads through a link: what lies behind it was not looked at. */
  #checkLinks(path: string): void {
    for (let end = path.indexOf('/'); end >= 0; end = path.indexOf('/', end + 1)) {
      const node = this.nodes.get(path.slice(0, end))
      if (node?.kind === 'link') this.#fail(path.slice(0, end), `expected a group, got ${node.what}`)
    }
  }

  #fail(path: string, problem: string): never {
    throw damaged(this.path, `'/${path}' of the HDF5 file: ${problem}`)
  }
}

const noFile = 'the HDF5 file is damaged, or it is none'

/** Buffers of this size are transferred to the thread, and smaller ones copied. */
const worthTransferring = 2 ** 20

/**
 * Calls `given` with what the bytes of an HDF5 file hold, which must not be used afterwards. Throws `ERR_FILE_FORMAT` for a file that is
 * damaged.
 */
export async function readHdf5<T>(bytes: Uint8Array, path: string, given: (file: Hdf5File) => Promise<T>): Promise<T> {
  const size = bytes.length
  const isWhole = bytes.buffer instanceof ArrayBuffer && bytes.buffer.byteLength === size
  const transfer = isWhole && size >= worthTransferring ? [bytes.buffer as ArrayBuffer] : []
  const outcome = await withThread(async (thread) => {
    const ask = async (request: H5Request) => {
      const answer = await thread.ask(request, size, request.do === 'open' ? transfer : [])
      if (!('problem' in answer)) return answer
      throw new Unreadable(damaged(path, `the HDF5 file cannot be read: ${answer.problem}`))
    }
    const answer = await ask({ do: 'open', bytes, maxBytes: dataLimit(size) })
    const nodes = 'nodes' in answer ? answer.nodes : new Map<string, H5Node>()
    const use = 'notOpened' in answer ? () => Promise.reject(damaged(path, noFile)) : given
    const result = await use(new Hdf5File(path, nodes, ask)).then(
      (value) => ({ value }),
      // What the library could not read may have left it in a bad state, so its thread must end.
      (error: unknown) => (error instanceof Unreadable ? Promise.reject(error) : { error }),
    )
    return { result, memory: memoryOf(await ask({ do: 'close' })) }
  }).catch((error: unknown) => ({ error: error instanceof Unreadable ? error.reason : error }))
  if ('error' in outcome) throw outcome.error
  return outcome.value
}

class Unreadable extends Error {
  readonly reason: NeurodeError

  constructor(reason: NeurodeError) {
    super(reason.message)
    this.reason = reason
  }
}

const memoryOf = (answer: H5Answer) => ('memory' in answer ? answer.memory : Number.POSITIVE_INFINITY)

/** The bytes of an HDF5 file with these objects, the same for the same objects. */
export async function encodeHdf5(objects: readonly H5Write[]): Promise<Uint8Array> {
  const bytes = objects.reduce((sum, { data }) => sum + (data?.byteLength ?? 0), 0)
  return withThread(async (thread) => {
    const written = await thread.ask({ do: 'write', objects }, bytes)
    if (!('data' in written)) {
      const problem = 'problem' in written ? written.problem : 'another answer'
      throw new NeurodeError('ERR_FILE_WRITE', `an HDF5 file cannot be made: ${problem}`)
    }
    return { result: written.data[0] as Uint8Array, memory: memoryOf(await thread.ask({ do: 'close' }, 0)) }
  })
}
