/** What a program and the thread that reads and writes HDF5 files for it say to each other. */

import type { DType } from '../../formats/dtypes.js'

/** Texts of an attribute, row by row; undefined for one that holds no texts. */
export type H5Texts = readonly string[] | undefined

/** An object of a file. Its texts are those of its attributes, by name. */
export type H5Node = H5Group | H5Dataset | H5Link

export interface H5Group {
  readonly kind: 'group'
  /** Names of what it holds. */
  readonly children: readonly string[]
  readonly attributes: ReadonlyMap<string, H5Texts>
}

export interface H5Dataset {
  readonly kind: 'dataset'
  readonly shape: readonly number[]
  readonly dtype: DType
  /** Why its data cannot be read; undefined for those that can. */
  readonly problem: string | undefined
  readonly bytes: number
}

/** Something that no reader follows: a link that is not the object itself, or a group that holds itself. */
export interface H5Link {
  readonly kind: 'link'
  readonly what: string
}

/** An object to write; groups come before what they hold. Attributes with one text are scalars. */
export interface H5Write {
  /** Path from the root, such as `layers/dense/vars/0`; '' is the root. */
  readonly path: string
  readonly attributes?: Readonly<Record<string, string | readonly string[]>>
  /** Of a dataset. */
  readonly data?: Float32Array | BigInt64Array
  readonly shape?: readonly number[]
}

export type H5Request =
  | { readonly do: 'open'; readonly bytes: Uint8Array; readonly maxBytes: number }
  | { readonly do: 'read'; readonly paths: readonly string[] }
  | { readonly do: 'write'; readonly objects: readonly H5Write[] }
  | { readonly do: 'close' }

export type H5Answer =
  | { readonly nodes: ReadonlyMap<string, H5Node> }
  /** Little-endian elements, and bytes of a file. */
  | { readonly data: readonly Uint8Array<ArrayBuffer>[] }
  /** The bytes of WebAssembly's memory. */
  | { readonly memory: number }
  /** What went wrong, after which the thread may be in a bad state. */
  | { readonly problem: string }
  /** The file could not be opened, and nothing was read of it. */
  | { readonly notOpened: true }
